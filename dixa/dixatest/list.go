package dixatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// list answers with one page of rows, the one that the query's pageKey and
// pageLimit name, of at most so many. The key in meta.next is opaque and the
// address relative, as seen of Dixa's lists.
func (s *Server) list(out *reply, rows [][]byte, most int) {
	values := out.r.URL.Query()
	start, ok := position(values.Get("pageKey"))
	if text := values.Get("pageLimit"); text != "" {
		limit, err := strconv.Atoi(text)
		ok = ok && err == nil && limit > 0
		most = min(most, limit)
	}
	if !ok {
		out.refuse(http.StatusBadRequest, invalidValue)
		return
	}
	start = min(start, len(rows))
	end := min(start+most, len(rows))

	meta := map[string]any{}
	link := func(at int) string {
		values.Set("pageKey", pageKey(at))
		return out.r.URL.Path + "?" + values.Encode()
	}
	if start > 0 {
		meta["previous"] = link(max(start-most, 0))
	}
	if end < len(rows) {
		meta["next"] = link(end)
	} else if s.Behaviour.LastPage == NextNull {
		meta["next"] = nil
	}
	tail := []byte{'}'}
	if end < len(rows) || s.Behaviour.LastPage != MetaAbsent {
		body, err := json.Marshal(meta)
		if err != nil {
			panic(fmt.Sprintf("dixatest: encoding a reply: %v", err))
		}
		tail = slices.Concat([]byte(`,"meta":`), body, tail)
	}
	out.header("Content-Type", "application/json")
	out.status(http.StatusOK)
	out.Write([]byte(`{"data":`))
	if s.writeArray(out, out, slices.Values(rows[start:end])) != nil {
		return
	}
	if _, err := out.Write(tail); err == nil {
		out.whole()
	}
}

// pageKey makes an opaque key of a position in a list, and position reads it.
func pageKey(position int) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "position:%d", position))
}

func position(key string) (int, bool) {
	if key == "" {
		return 0, true
	}
	text, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return 0, false
	}
	var n int
	_, err = fmt.Sscanf(string(text), "position:%d", &n)
	return n, err == nil && n >= 0
}

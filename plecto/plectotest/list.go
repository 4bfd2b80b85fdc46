package plectotest

import (
	"net/http"
	"strconv"
)

// envelope is a list in pages as Django REST framework gives it.
// https://www.django-rest-framework.org/api-guide/pagination/
type envelope struct {
	Count    int     `json:"count"`
	Next     *string `json:"next"`
	Previous *string `json:"previous"`
	Results  []any   `json:"results"`
}

// list answers with items in the shape of the endpoint's lists, each item as show gives it.
func list[T any](s *Server, x *exchange, items []T, show func(T) any) answer {
	enveloped := s.Behaviour.Lists == ListsEnveloped || s.Behaviour.Lists == ListsMixed && x.Endpoint == "registrations"
	size, page := s.Behaviour.pageSize(), 1
	if !enveloped && (x.Endpoint != "registrations" || s.Behaviour.Lists == ListsWhole) {
		size = max(len(items), 1)
	} else if q := x.r.URL.Query().Get("page"); q != "" {
		var err error
		if page, err = strconv.Atoi(q); err != nil || page < 1 {
			return detail(http.StatusNotFound, "Invalid page.")
		}
	}
	from := min((page-1)*size, len(items))
	to := min(from+size, len(items))
	if enveloped && from == to && page > 1 {
		return detail(http.StatusNotFound, "Invalid page.")
	}

	results := make([]any, 0, to-from)
	for _, item := range items[from:to] {
		results = append(results, show(item))
	}
	if !enveloped {
		return answer{status: http.StatusOK, body: results}
	}
	e := envelope{Count: len(items), Results: results}
	if to < len(items) {
		e.Next = x.page(page + 1)
	}
	if page > 1 {
		e.Previous = x.page(page - 1)
	}
	return answer{status: http.StatusOK, body: e}
}

// page is the absolute address of another page of the list that is asked for.
func (x *exchange) page(n int) *string {
	u := *x.r.URL
	u.Scheme, u.Host, u.Path = "http", x.r.Host, x.mounted()
	if x.r.TLS != nil {
		u.Scheme = "https"
	}
	q := u.Query()
	q.Set("page", strconv.Itoa(n))
	u.RawQuery = q.Encode()
	address := u.String()
	return &address
}

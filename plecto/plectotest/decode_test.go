package plectotest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

func FuzzDecodingAgreesWithEncodingJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `null`, `1`, `"a"`, `true`,
		` { "a" : 1.50 , "b":[ ] , "c" : { "d" : [ null,true , false,-1e3] } } `,
		`{"a":"","a":"\"\\\u00e6\ud83d\ude00\n","\u0061b":"æ"}`,
		`[{"a":[1,2,[3]]},"]",{"}":"{"}]`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		// Text that is not UTF-8 is mended by encoding/json, and here left as it is.
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			return
		}
		dec := json.NewDecoder(bytes.NewReader([]byte(text)))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		d := decoder{data: []byte(text)}
		if got := d.value(); !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %#v\nwant %#v", text, got, want)
		}
	})
}

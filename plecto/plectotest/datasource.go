package plectotest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// Inputs of a field. Only TextInput is attested; the others are named after Django's.
const (
	TextInput     = "TextInput"
	NumberInput   = "NumberInput"
	CheckboxInput = "CheckboxInput"
	DateTimeInput = "DateTimeInput"
	Select        = "Select"
)

// Field is one custom field of a data source.
type Field struct {
	// Name is also the key of its values in a row, spaces included.
	Name string `json:"name"`
	// Input is the kind of its values; "" means TextInput. A text field takes text, numbers and
	// booleans; a number field numbers, also written as text.
	Input string `json:"input"`
	// Default is the value where a row has none, as in a row's JSON; "" and nil mean an empty one.
	Default any `json:"default_value"`
	// AllowEmpty lets a row give an empty value under [Behaviour.RefuseEmpty].
	AllowEmpty bool `json:"allow_empty"`
}

// DataSource is one data source.
type DataSource struct {
	UUID, Title string
	// Fields are empty for one that takes every key.
	Fields []Field
	// Registrations is how many it holds.
	Registrations int
}

type dataSource struct {
	uuid, title  string
	open         bool // takes every key
	fields       []Field
	byName       map[string]*Field
	rows         []*registration
	byUUID       map[string]*registration
	byExternalID map[string]*registration
}

// AddDataSource adds a data source as a person would in Plecto, and gives its UUID. Without fields
// it takes every key of a row as a text field, and does not show which when it is read.
func (s *Server) AddDataSource(title string, fields ...Field) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.addDataSource(title, fields)
	d.open = len(fields) == 0
	return d.uuid
}

// RemoveDataSource removes a data source and its registrations as a person would in Plecto. It
// reports whether there was one.
func (s *Server) RemoveDataSource(uuid string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dataSource(uuid)
	s.dataSources = slices.DeleteFunc(s.dataSources, func(other *dataSource) bool { return other == d })
	return d != nil
}

// DataSources are all data sources, the oldest first.
func (s *Server) DataSources() []DataSource {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []DataSource
	for _, d := range s.dataSources {
		all = append(all, DataSource{UUID: d.uuid, Title: d.title, Fields: slices.Clone(d.fields), Registrations: len(d.rows)})
	}
	return all
}

func (s *Server) addDataSource(title string, fields []Field) *dataSource {
	d := &dataSource{
		uuid:         s.uuid("data source"),
		title:        title,
		fields:       slices.Clone(fields),
		byName:       make(map[string]*Field),
		byUUID:       make(map[string]*registration),
		byExternalID: make(map[string]*registration),
	}
	for i := range d.fields {
		f := &d.fields[i]
		if f.Input == "" {
			f.Input = TextInput
		}
		f.Default = decode(encode(map[string]any{"": f.Default}))[""]
		d.byName[f.Name] = f
	}
	s.dataSources = append(s.dataSources, d)
	return d
}

func (s *Server) dataSource(uuid string) *dataSource {
	uuid = plain(uuid)
	if i := slices.IndexFunc(s.dataSources, func(d *dataSource) bool { return d.uuid == uuid }); i >= 0 {
		return s.dataSources[i]
	}
	return nil
}

func (s *Server) listDataSources(x *exchange) answer {
	return list(s, x, s.dataSources, func(d *dataSource) any { return d.show(!s.Behaviour.HideFields) })
}

func (s *Server) getDataSource(x *exchange) answer {
	d := s.dataSource(x.segments[1])
	if d == nil {
		return detail(http.StatusNotFound, "Not found.")
	}
	return answer{status: http.StatusOK, body: d.show(!s.Behaviour.HideFields)}
}

func (s *Server) postDataSource(x *exchange) answer {
	if s.Behaviour.ForbidDataSources {
		return forbidden()
	}
	var sent struct {
		Title  string   `json:"title"`
		Fields *[]Field `json:"fields"`
	}
	if err := json.Unmarshal(x.body, &sent); err != nil {
		return detail(http.StatusBadRequest, "JSON parse error - %v", err)
	}
	p := make(problems)
	if sent.Title == "" {
		p.add("title", "required")
	}
	if sent.Fields == nil {
		p.add("fields", "required")
		sent.Fields = new([]Field)
	}
	inputs := slices.DeleteFunc([]string{"", TextInput, NumberInput, CheckboxInput, DateTimeInput, Select}, func(input string) bool {
		return slices.Contains(s.Behaviour.RefuseInputs, cmp.Or(input, TextInput))
	})
	names := make(map[string]bool)
	refused, byField := false, make([]problems, len(*sent.Fields))
	for i, f := range *sent.Fields {
		byField[i] = make(problems)
		if f.Name == "" {
			p.add("fields", "a field has no name")
		} else if names[f.Name] || reserved[f.Name] {
			p.add("fields", "the name "+f.Name+" is taken")
		}
		if !slices.Contains(inputs, f.Input) {
			refused = true
			byField[i].add("input", fmt.Sprintf("%q is not a valid choice.", f.Input))
		}
		names[f.Name] = true
	}
	switch {
	case len(p) > 0:
		return answer{status: http.StatusBadRequest, body: p}
	case refused && s.Behaviour.InputRefusal == InputUnnamed:
		return detail(http.StatusBadRequest, "A field of this data source is not valid.")
	case refused:
		return answer{status: http.StatusBadRequest, body: map[string]any{"fields": byField}}
	}

	d := s.addDataSource(sent.Title, *sent.Fields)
	switch s.Behaviour.Created {
	case CreatedID:
		return answer{status: http.StatusCreated, body: map[string]string{"id": d.uuid}}
	case CreatedEmpty:
		return answer{status: http.StatusCreated}
	}
	return answer{status: http.StatusCreated, body: d.show(true)}
}

func (d *dataSource) show(fields bool) any {
	shown := map[string]any{"uuid": d.uuid, "id": d.uuid, "title": d.title}
	if fields && !d.open {
		shown["fields"] = append([]Field{}, d.fields...)
	}
	return shown
}

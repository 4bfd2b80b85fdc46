package plectotest

import (
	"encoding/json"
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
	inputs := []string{"", TextInput, NumberInput, CheckboxInput, DateTimeInput, Select}
	if s.Behaviour.OnlyTextInput {
		inputs = inputs[:2]
	}
	names := make(map[string]bool)
	for _, f := range *sent.Fields {
		switch {
		case f.Name == "":
			p.add("fields", "a field has no name")
		case names[f.Name] || reserved[f.Name]:
			p.add("fields", "the name "+f.Name+" is taken")
		case !slices.Contains(inputs, f.Input):
			p.add("fields", f.Input+" is not a valid input")
		}
		names[f.Name] = true
	}
	if len(p) > 0 {
		return answer{status: http.StatusBadRequest, body: p}
	}
	return answer{status: http.StatusCreated, body: s.addDataSource(sent.Title, *sent.Fields).show(true)}
}

func (d *dataSource) show(fields bool) any {
	shown := map[string]any{"uuid": d.uuid, "id": d.uuid, "title": d.title}
	if fields && !d.open {
		shown["fields"] = append([]Field{}, d.fields...)
	}
	return shown
}

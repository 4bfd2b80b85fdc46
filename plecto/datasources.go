package plecto

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// A DataSource is what registrations belong to.
type DataSource struct {
	UUID  string // 32 hex digits
	Title string
	// Fields are the names of its fields; nil where Plecto does not show them. Texts are those of them that are shown to
	// be text.
	Fields, Texts []string
}

// UnmarshalJSON takes what can be read of a data source; Plecto documents no shape.
func (d *DataSource) UnmarshalJSON(body []byte) error {
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return err
	}
	*d = DataSource{UUID: o.uuid("uuid", "id"), Title: o.text("title", "name")}
	fields, _ := o["fields"].([]any) // another shape does not show them
	for _, f := range fields {
		name, _ := f.(string)
		field, _ := f.(map[string]any)
		if name = cmp.Or(name, object(field).text("name", "title")); name == "" {
			continue
		}
		d.Fields = append(d.Fields, name)
		if object(field).text("input") == string(TextInput) {
			d.Texts = append(d.Texts, name)
		}
	}
	return nil
}

// DataSource asks for one data source.
func (c *Client) DataSource(ctx context.Context, uuid string) (DataSource, error) {
	var d DataSource
	reply, err := c.send(ctx, "asking for the data source", http.MethodGet, "/datasources/"+url.PathEscape(uuid)+"/", nil, nil)
	if err != nil {
		return d, err
	}
	if err := json.Unmarshal(reply, &d); err != nil {
		return d, fmt.Errorf("plecto: reading the data source: %w: what came is %s", ErrUnavailable, form(reply))
	}
	return d, nil
}

// DataSources asks for one page, counted from 1, of the data sources that the login can see, and reports whether another
// follows. Without pages the first has them all.
func (c *Client) DataSources(ctx context.Context, page int) (all []DataSource, more bool, err error) {
	l, err := get[DataSource](ctx, c, "data sources", "/datasources/", map[string]string{}, page)
	return l.items, l.more, err
}

// An Input is the kind of a field's values, under the name of a form's input.
type Input string

// The inputs. Only TextInput is attested; the others are named after Django's, and a caller has to cope with a refusal.
const (
	TextInput     Input = "TextInput"
	NumberInput   Input = "NumberInput"
	CheckboxInput Input = "CheckboxInput"
	DateTimeInput Input = "DateTimeInput"
)

// A NewDataSource is a data source to be created. Its fields have to be complete: none can be added through the API later.
// https://docs.plecto.com/kb/guide/en/how-to-send-data-to-plectos-api-8jyWZ97bO9/Steps/2186713
type NewDataSource struct {
	Title  string
	Fields []NewField
}

// A NewField is a field of a NewDataSource; its default is empty.
type NewField struct {
	Name  string
	Input Input
}

// CreateDataSource creates a data source and returns what the reply shows of it: nothing, not even its UUID, where Plecto
// leaves that out. It may have been created, too, where the error is [ErrUnavailable].
func (c *Client) CreateDataSource(ctx context.Context, n NewDataSource) (DataSource, error) {
	type field struct {
		Name    string `json:"name"`
		Input   Input  `json:"input"`
		Default string `json:"default_value"`
	}
	fields := make([]field, len(n.Fields))
	for i, f := range n.Fields {
		fields[i] = field{Name: f.Name, Input: f.Input}
	}
	var d DataSource
	body, err := json.Marshal(map[string]any{"title": n.Title, "fields": fields})
	if err != nil {
		return d, fmt.Errorf("plecto: creating the data source: %w", err)
	}
	reply, err := c.send(ctx, "creating the data source", http.MethodPost, "/datasources/", nil, body)
	if err != nil {
		return d, err
	}
	_ = json.Unmarshal(reply, &d) // whatever it says, the status says that it is created
	return d, nil
}

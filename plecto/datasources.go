package plecto

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// A DataSource is what registrations belong to.
type DataSource struct {
	UUID  string // 32 hex digits
	Title string
	// Fields are the names of its fields; nil where Plecto does not show them.
	Fields []string
}

// UnmarshalJSON takes what can be read of a data source; Plecto documents no shape.
func (d *DataSource) UnmarshalJSON(body []byte) error {
	var v struct {
		UUID, ID, Title, Name any
		Fields                json.RawMessage
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	var fields []json.RawMessage
	_ = json.Unmarshal(v.Fields, &fields) // another shape does not show them
	text := func(values ...any) string {
		for _, v := range values {
			if s, ok := v.(string); ok && s != "" {
				return s
			}
		}
		return ""
	}
	d.UUID, d.Title = strings.ReplaceAll(text(v.UUID, v.ID), "-", ""), text(v.Title, v.Name)
	for _, f := range fields {
		var field struct{ Name, Title string }
		var name string
		if json.Unmarshal(f, &field) == nil && text(field.Name, field.Title) != "" {
			d.Fields = append(d.Fields, text(field.Name, field.Title))
		} else if json.Unmarshal(f, &name) == nil && name != "" {
			d.Fields = append(d.Fields, name)
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
		return d, fmt.Errorf("plecto: reading the data source: %w: %s", ErrUnavailable, c.words(reply))
	}
	return d, nil
}

// DataSources asks for the data sources that the login can see: the first page of them, where Plecto pages.
func (c *Client) DataSources(ctx context.Context) ([]DataSource, error) {
	reply, err := c.send(ctx, "asking for the data sources", http.MethodGet, "/datasources/", nil, nil)
	if err != nil {
		return nil, err
	}
	all, err := list[DataSource](reply)
	if err != nil {
		return nil, fmt.Errorf("plecto: reading the data sources: %w: %s", ErrUnavailable, c.words(reply))
	}
	return all, nil
}

// list reads a bare array or one in an envelope: which of the two Plecto sends is not documented.
func list[T any](reply []byte) ([]T, error) {
	var all []T
	if err := json.Unmarshal(reply, &all); err == nil {
		return all, nil
	}
	var envelope struct{ Results []T }
	err := json.Unmarshal(reply, &envelope)
	return envelope.Results, err
}

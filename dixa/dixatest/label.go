package dixatest

import "slices"

// label is what an agent enters while at it.
func (s *story) label() {
	if s.over {
		return
	}
	for _, name := range [...]string{s.topic.tag, s.pick(tagNames)} {
		if !slices.Contains(s.c.Tags, name) && s.chance(55) {
			s.tag(name)
		}
	}
	if s.chance(15) {
		s.note()
	}
	if s.chance(45) {
		s.enter()
	}
}

func (s *story) tag(name string) {
	s.c.Tags = append(s.c.Tags, name)
	s.c.TagsInfo = append(s.c.TagsInfo, s.tags[name])
	s.log(s.now, "TagAdded", s.agent.author, attributes{TagID: s.tags[name].ID, TagName: name})
}

// note adds a note and returns its text.
func (s *story) note() string {
	text := s.fill(s.pick(s.words.notes))
	s.c.ConversationWrapupNotes = append(s.c.ConversationWrapupNotes, text)
	s.log(s.now, "NoteAdded", s.agent.author, attributes{})
	return text
}

// enter fills in the custom fields.
func (s *story) enter() {
	s.c.CustomFields = append(s.c.CustomFields,
		customField{s.fields["order_number"], "order_number", s.orderNumber(), "Text", false},
		customField{s.fields["products"], "products", s.products(), "Select", false},
		customField{s.fields["legacy_segment"], "legacy_segment", nil, "Text", true})
	s.log(s.now, "ConversationCustomAttributesUpdated", s.agent.author, attributes{Identifiers: []string{"order_number", "products"}})
}

func (s *story) products() []string {
	first := s.rng.IntN(len(products))
	return products[first:min(first+1+s.rng.IntN(3), len(products))]
}

package dixa

import "context"

// An Organization is what a token belongs to.
type Organization struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Subdomain string `json:"subdomain"`
}

// Organization asks for the token's organisation: the cheapest way to see that the token is accepted.
func (c *Client) Organization(ctx context.Context) (Organization, error) {
	var reply struct{ Data Organization }
	err := c.call(ctx, request{what: "the organization", path: "/organization"}, &reply)
	return reply.Data, err
}

// An Agent is a person of the organisation who may answer customers.
type Agent struct {
	ID               string   `json:"id"`
	DisplayName      string   `json:"displayName"`
	Email            string   `json:"email"`
	AdditionalEmails []string `json:"additionalEmails"`
}

// Agents asks for one page of agents: the first with an empty key, then each with the key that came with the last. An
// empty next ends the list.
func (c *Client) Agents(ctx context.Context, key string) (agents []Agent, next string, err error) {
	return page[Agent](ctx, c, "agents", "/agents", map[string]string{"pageLimit": "100"}, key)
}

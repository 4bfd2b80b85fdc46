package dixatest

import "time"

// Behaviour holds the points on which Dixa's documentation is silent or leaves
// a choice. The zero value is what is likeliest to be true.
type Behaviour struct {
	// ExclusiveAfter and ExclusiveBefore leave out the rows at exactly that bound
	// of a filter. By default both bounds are inclusive.
	ExclusiveAfter, ExclusiveBefore bool
	// DateZone is where a bound given as yyyy-mm-dd has its midnight: UTC when nil.
	DateZone *time.Location
	// MaxCSIDs is the longest list of csids taken; a longer one is answered with
	// 422. 0 sets no maximum.
	MaxCSIDs int

	// OmitNulls leaves out the members that have no value. By default they are null.
	OmitNulls bool
	// ExtraFields adds members that no client knows yet, a nested one among them.
	ExtraFields bool
	// OldRatings spells rating types and statuses as Dixa used to: stars and rated
	// in place of CSAT and Rated.
	OldRatings bool
	// Shuffle sends rows in an order chosen by this seed. 0 sends the oldest first.
	Shuffle uint64
	// RepeatEvery sends every n-th row of a reply twice. 0 repeats none.
	RepeatEvery int
	// PlainTimes leaves off the zone in brackets that the times of activities have.
	PlainTimes bool
	// Lag keeps a row out of the exports and the activity log until this long after
	// its updated_at (for a message or activity: its creation). 0 shows every row,
	// even one dated in the future.
	Lag time.Duration

	// ConversationExportsPerMinute, MessageExportsPerMinute and
	// APIRequestsPerSecond are the limits, each counted over the last minute or
	// second. 0 stands for 10, 3 and 10, a negative number lifts the limit. Refused
	// requests do not count.
	ConversationExportsPerMinute, MessageExportsPerMinute, APIRequestsPerSecond int
	// RetryAfter is the form of the header that comes with a 429.
	RetryAfter RetryAfter
	// ErrorBody is what replies with an error status carry.
	ErrorBody ErrorBody

	// Gzip compresses exports for clients that accept it.
	Gzip bool
	// SlowFirstByte is how long an export takes until it begins to answer.
	SlowFirstByte time.Duration

	// AgentsPerPage and ActivitiesPerPage are the largest pages, whatever the client
	// asks for. 0 stands for 10 and 500.
	AgentsPerPage, ActivitiesPerPage int
	// LastPage is how the last page of a list says that no other follows.
	LastPage LastPage

	// Webhooks are the points about subscriptions and their deliveries.
	Webhooks WebhookBehaviour
}

// WebhookBehaviour holds the points about webhooks on which Dixa's documentation
// is silent or leaves a choice. The zero value delivers every event once, at
// once, and does not try again.
type WebhookBehaviour struct {
	// RequireCustomHeaders answers 400 where a new subscription has no
	// customHeaders: the reference marks them as required, clients do without.
	RequireCustomHeaders bool
	// OmitSecret leaves secretKey out of the replies to POST and PATCH, so that it
	// is to be had by GET alone.
	OmitSecret bool
	// WholePatch answers 400 where a PATCH lacks what a POST must have.
	WholePatch bool

	// OldUsers shows people as in 2023: with their roles, without user_type.
	OldUsers bool
	// DuplicateEvery delivers every n-th event twice to each subscription. 0
	// duplicates none.
	DuplicateEvery int
	// LoseEvery never delivers every n-th event. 0 loses none.
	LoseEvery int
	// LateBy is how late a delivery may be, each by a time drawn from Seed, so that
	// the order changes. 0 delivers at once.
	LateBy time.Duration
	Seed   uint64
	// Retries is how often a delivery is tried again that is answered other than
	// with 2xx, or not at all, each RetryWait (a second when zero) after the last.
	Retries   int
	RetryWait time.Duration
	// RestampRetries signs each retry anew, with its own time and the secret of
	// then. By default a retry repeats the first signature.
	RestampRetries bool
	// InFlight is how many deliveries are under way at once at most: 8 when zero.
	// Deliveries that are due begin in the order of their events; at 1 they also
	// arrive in it.
	InFlight int
	// Timeout is how long a receiver has to answer: ten seconds when zero.
	Timeout time.Duration
}

// RetryAfter is the form of a Retry-After header.
type RetryAfter int

const (
	NoRetryAfter      RetryAfter = iota // no header
	RetryAfterSeconds                   // a number of seconds, rounded up
	RetryAfterDate                      // an HTTP date, rounded up to the second
)

// ErrorBody is what replies with an error status carry.
type ErrorBody int

const (
	// DocumentedErrors have no body from the exports and a JSON object with a
	// message from the Dixa API.
	DocumentedErrors ErrorBody = iota
	EmptyErrors                // no body at all
	JSONErrors                 // a JSON object with a message
	HTMLErrors                 // a page, as a proxy in between would send
)

// LastPage is how the last page of a list ends.
type LastPage int

const (
	MetaWithoutNext LastPage = iota // meta is there, its next is not
	MetaAbsent                      // there is no meta
	NextNull                        // meta.next is null
)

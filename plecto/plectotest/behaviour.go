package plectotest

import "time"

// Behaviour chooses how the server acts where Plecto's documentation leaves it open. The zero
// value is the likeliest reading; a client that is to survive the real service should pass its
// tests under every other one.
type Behaviour struct {
	// Answer is what a POST to registrations is answered with when it succeeds.
	Answer Answer
	// BadItem is what happens to an array with an invalid row in it.
	BadItem BadItem
	// TooManyStatus answers a POST of more than MaxRows rows; 0 means 400.
	TooManyStatus int
	// Throttle is how a request over an hourly limit is refused.
	Throttle Throttle
	// RefuseUnknownKeys makes a row invalid that has a key which is no field of its data source.
	// Otherwise such a key is ignored and its value not kept.
	RefuseUnknownKeys bool
	// UnknownDataSourceStatus answers a row for a data source that does not exist; 0 means 400,
	// which marks that row alone. Any other status refuses the request as a whole.
	UnknownDataSourceStatus int
	// RefuseEmpty makes a row invalid that has null or "" in a field which is not AllowEmpty.
	// Otherwise an empty value is kept as it is.
	RefuseEmpty bool
	// CoerceTypes turns a value of another type into the field's own, or into null where that
	// cannot be done. Otherwise such a value makes the row invalid.
	CoerceTypes bool
	// RefuseNaiveDates makes a row invalid whose date has no UTC offset.
	RefuseNaiveDates bool
	// NaiveZone is where a date without an offset is read and shown; nil means UTC.
	NaiveZone *time.Location
	// Lists is the shape of the answers to a GET of a list.
	Lists Lists
	// PageSize is the number of items on one page of a list; 0 means 100.
	PageSize int
	// Slash is what happens to a path without the slash at its end.
	Slash Slash
	// HideFields leaves the fields out when a data source is read.
	HideFields bool
	// RefuseInputs are the inputs that no field of a new data source may have. Otherwise those of
	// this package's constants are accepted.
	RefuseInputs []string
	// InputRefusal is the shape in which an input is refused.
	InputRefusal InputRefusal
	// Created is what a POST to datasources is answered with when it succeeds.
	Created Created
	// ForbidDataSources and ForbidMembers refuse every POST to datasources or members, as for a
	// login whose profile may not create them; ForbidMembersList refuses to list members.
	ForbidDataSources, ForbidMembers, ForbidMembersList bool
	// HideAccounts leaves e-mail and accounts out when a member is shown.
	HideAccounts bool
	// FilterExclusive leaves out the registrations at the very bounds of a list. Otherwise the
	// bounds take them in.
	FilterExclusive bool
	// FilterByWritten makes the bounds of a list be about the time at which a registration was
	// written last. Otherwise they are about its date.
	FilterByWritten bool
	// FilterIgnored lists registrations as if no bounds were given.
	FilterIgnored bool
	// RowsNested shows the values of a registration in an object under "fields". Otherwise they
	// stand beside the keys that every row has.
	RowsNested bool
	// HideValues shows no more of a registration than its uuid, external_id, date and member.
	HideValues bool
	// DatesNaive shows dates, those in fields of DateTimeInput too, to the second and without an
	// offset, as they are in NaiveZone.
	DatesNaive bool
	// StringValues shows the values of a registration as text, booleans as "True" and "False".
	StringValues bool
	// NullsAsEmpty shows a field without a value as "".
	NullsAsEmpty bool
	// RegistrationsPerHour limits the requests to registrations, whatever their method, in any
	// rolling hour; 0 means DefaultPerHour, a negative number lifts the limit.
	RegistrationsPerHour int
	// RequestsPerHour limits all other requests in the same way.
	RequestsPerHour int
	// Latency passes between the arrival of a request and its being carried out, which a client
	// that gives up meanwhile does not prevent.
	Latency time.Duration
}

const (
	// MaxRows is the number of rows that one POST may carry.
	// https://docs.plecto.com/kb/guide/en/api-limits-vFN7INmk9g/Steps/
	MaxRows = 100
	// DefaultPerHour is the number of requests allowed in an hour, by the same page.
	DefaultPerHour = 3600

	defaultPageSize = 100
)

// Answer is the shape of the answer to a successful POST of registrations.
type Answer int

const (
	AnswerCreated    Answer = iota // 201, the rows as sent, each with uuid and id
	AnswerOK                       // 200, the same body
	AnswerEmpty                    // 201 without a body
	AnswerWithoutIDs               // 201, the rows as sent
	AnswerNoContent                // 204
)

// BadItem is what an array with an invalid row in it comes to.
type BadItem int

const (
	BadItemErrors  BadItem = iota // 400, an array with an error object per row, {} for the valid; nothing is stored
	BadItemDetail                 // 400, one object with a detail; nothing is stored
	BadItemLeftOut                // 400, the array of error objects, and the valid rows are stored
)

// Throttle is how a request over an hourly limit is refused.
type Throttle int

const (
	ThrottleSeconds     Throttle = iota // 429, Retry-After in seconds
	ThrottleDate                        // 429, Retry-After as a date
	ThrottleSilent                      // 429 without Retry-After
	ThrottleUnavailable                 // 503 without Retry-After
)

// Lists is the shape of lists: an envelope of count, next, previous and results, one page in each
// answer; or a bare array.
type Lists int

const (
	ListsMixed     Lists = iota // registrations in an envelope; the others bare, and whole
	ListsEnveloped              // all in an envelope
	ListsBare                   // all bare; registrations by the page, an empty one after the last
	ListsWhole                  // all bare, and whole whichever page is asked for
)

// InputRefusal is the shape in which an input of a field is refused.
type InputRefusal int

const (
	InputByField InputRefusal = iota // 400, under "fields" an object per field, {} for the valid
	InputUnnamed                     // 400, one object with a detail that does not name the input
)

// Created is the shape of the answer to a successful POST of a data source. Its status is 201.
type Created int

const (
	CreatedShown Created = iota // the data source with its uuid, id, title and fields
	CreatedID                   // an object with no more than the id
	CreatedEmpty                // no body
)

// Slash is what happens to a path without the slash at its end.
type Slash int

const (
	SlashRedirects Slash = iota // 301 to the path with the slash
	SlashNotFound               // 404
	SlashOptional               // accepted
)

package dixa

import "time"

// MaxWindow is the longest span that one export is asked for. Dixa refuses more than 31 days; a day is left for bounds
// whose exact edge it does not document. https://docs.dixa.io/docs/exports-api-guide
const MaxWindow = 30 * 24 * time.Hour

// MinWindow is the shortest span that a window is halved to.
const MinWindow = time.Hour

// A Window is a span of time: From is in it, To is not.
type Window struct{ From, To time.Time }

// Windows cuts a range into windows without gap or overlap, each at most MaxWindow, in the order of time. An empty or
// reversed range has none.
func Windows(from, to time.Time) []Window {
	var all []Window
	for from.Before(to) {
		end := from.Add(MaxWindow)
		if end.After(to) {
			end = to
		}
		all = append(all, Window{from, end})
		from = end
	}
	return all
}

// Middle returns where to halve the window; ok is false where the halves would be shorter than MinWindow.
func (w Window) Middle() (middle time.Time, ok bool) {
	half := w.To.Sub(w.From) / 2
	return w.From.Add(half).Truncate(time.Millisecond), half >= MinWindow
}

package dixatest

import "time"

// rate is the survey after a conversation is closed. In the first fifth of a
// world it is of the old kind, in stars.
func (s *story) rate() {
	if s.over || s.c.Status != "closed" || s.ch.name == "sms" || !s.chance(45) {
		return
	}
	r := rating{Type: "CSAT", Status: "Scheduled", Language: s.who.language, CreatedAt: s.now,
		ScheduledAt: new(s.now), ScheduledFor: new(s.now + (30 * time.Minute).Milliseconds())}
	old := s.now < s.team.From.UnixMilli()+s.team.To.Sub(s.team.From).Milliseconds()/5
	if old {
		r.Type, r.Status = "stars", "scheduled"
	}
	defer func() { s.c.Ratings = append(s.c.Ratings, r) }()
	log := func(kind string, by *author) {
		s.log(s.now, kind, by, attributes{RatingType: r.Type, RatingScore: r.Score})
	}
	log("ConversationRatingScheduled", nil)
	status := func(now, before string) {
		r.Status = now
		if old {
			r.Status = before
		}
		r.ModifiedAt, s.c.UpdatedAt = new(s.now), s.now
	}
	if s.chance(5) && s.pass(20_000) {
		r.CancelledAt = new(s.now)
		status("Cancelled", "cancelled")
		log("ConversationRatingCancelled", nil)
		return
	}
	if !s.pass((30 * time.Minute).Milliseconds()) {
		return
	}
	r.OfferedAt = new(s.now)
	status("Offered", "offered")
	log("ConversationRatingOffered", nil)
	if !s.chance(60) || !s.pass(s.about(3*time.Hour)) {
		return
	}
	r.RatedAt = new(s.now)
	status("Rated", "rated")
	r.Score = new([...]int{5, 5, 5, 5, 5, 5, 4, 4, 4, 3, 2, 1}[s.rng.IntN(12)])
	log("ConversationRated", s.customer)
	if s.chance(35) {
		r.Message = new(s.words.verdicts[*r.Score-1])
	}
	s.c.RatingScore, s.c.RatingMessage = r.Score, r.Message
	if s.chance(12) {
		// A second question of the same survey, on a scale from 0 to 10.
		s.c.Ratings = append(s.c.Ratings, rating{
			Score: new(min(10, *r.Score*2+s.rng.IntN(3)-1)), Type: "NPS", Status: "Rated", Language: r.Language,
			CreatedAt: r.CreatedAt, ScheduledAt: r.ScheduledAt, ScheduledFor: r.ScheduledFor,
			OfferedAt: r.OfferedAt, RatedAt: r.RatedAt, ModifiedAt: r.RatedAt,
		})
	}
}

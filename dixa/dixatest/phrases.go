package dixatest

// topic is what a conversation is about.
type topic struct {
	subject, choice, tag string
	queue                int // where it may go rather than to its language's queue; 0 for nowhere
	problem, answer      []string
}

// phrases are the texts of one language. {order} and {product} are filled in.
type phrases struct {
	hello, bye, automatic, menu, question string

	topics                                  []topic
	detail, followUp, closing, notes, files []string
	verdicts                                [5]string // by score, from 1
}

var products = []string{"Fjord 300", "Lyng lamp", "\"Tåge\" tæppe", "Möwe Stuhl", "Kettle No. 5", "Øresund 12\" pan"}

var emoji = []string{"😊", "🙏", "🤷‍♀️", "👍🏽", "❤️", "🇩🇰"}

var languages = map[string]*phrases{
	"da": {
		hello: "Hej,", bye: "Venlig hilsen",
		automatic: "Tak for din henvendelse. Vi svarer hverdage mellem 8 og 17, som regel inden for en dag.",
		menu:      "Hvad drejer det sig om?\n1. Levering\n2. Returnering\n3. Andet",
		question:  "Hvad kan vi hjælpe med?",
		topics: []topic{
			{"Hvor bliver min pakke af?", "Levering", "delivery", 0,
				[]string{"Jeg bestilte {product} for over en uge siden, ordre {order}, og har ikke hørt noget.", "Pakken står som leveret, men her er ingen pakke."},
				[]string{"Jeg kan se, at {order} ligger på terminalen. Den kommer ud i morgen.", "Det beklager jeg. Jeg har bedt fragtmanden lede efter den og sender en ny, hvis den ikke dukker op."}},
			{"Returnering af ordre {order}", "Returnering", "return", 4,
				[]string{"Min {product} passer ikke. Hvordan sender jeg den tilbage?", "Må jeg bytte {product} til en anden farve? Æsken er åbnet."},
				[]string{"Du får en label på mail om lidt. Sæt den uden på æsken, så er resten klaret.", "Ja, du har 30 dage. En åbnet æske gør ingenting."}},
			{"Spørgsmål til faktura", "Faktura", "refund", 3,
				[]string{"Jeg er blevet trukket to gange for {order}.", "Kan I sende fakturaen igen, med CVR-nummer på?"},
				[]string{"Det ene beløb er kun reserveret og frigives inden for tre dage.", "Fakturaen er sendt igen. Sig til, hvis den ikke er kommet om en time."}},
			{"{product} virker ikke", "Andet", "warranty", 0,
				[]string{"Min {product} gik i stykker efter to måneder. Er det garanti?", "Der mangler en skrue i pakken med {product} 😕"},
				[]string{"Det dækker vi naturligvis. Vil du have en ny eller pengene tilbage?", "Skruen er sendt med brev i dag."}},
		},
		detail: []string{
			"Jeg har købt hos jer i mange år og plejer at være glad for det.",
			"Jeg prøvede at ringe i går, men opgav efter tyve minutter i kø.",
			"På sporingen står der bare \"under behandling\", og det har den gjort siden fredag.",
			"Det haster lidt: det er en gave, og fødselsdagen er på lørdag. Ærgerligt, hvis den ikke når frem.",
		},
		followUp: []string{"Tusind tak for hjælpen!", "Hvornår sker det så?", "Det har jeg allerede prøvet. Er der en anden mulighed?", "Undskyld, jeg glemte at skrive ordrenummeret: {order}"},
		closing:  []string{"God dag!", "Skriv endelig igen, hvis der er mere.", "Tak for tålmodigheden."},
		notes:    []string{"Kunden er oplyst om 3-5 hverdage.", "Ny vare sendt, {order}. Følg op fredag.", "Har ringet før – se forrige sag."},
		files:    []string{"kvittering.pdf", "billede af æsken.jpg", "IMG_2041.HEIC"},
		verdicts: [5]string{"Ubrugeligt. Jeg fik aldrig svar på det, jeg spurgte om.", "Det tog alt for lang tid.", "Helt i orden.", "God hjælp, lidt ventetid.", "Fantastisk service! 🌟"},
	},
	"de": {
		hello: "Guten Tag,", bye: "Mit freundlichen Grüßen",
		automatic: "Vielen Dank für Ihre Nachricht. Wir antworten werktags zwischen 8 und 17 Uhr, meist innerhalb eines Tages.",
		menu:      "Worum geht es?\n1. Lieferung\n2. Rücksendung\n3. Sonstiges",
		question:  "Wie können wir helfen?",
		topics: []topic{
			{"Lieferung {order} überfällig", "Lieferung", "delivery", 0,
				[]string{"Ich warte seit zehn Tagen auf {product}. Wo bleibt das Paket?", "Laut Verfolgung wurde zugestellt – bei mir und den Nachbarn liegt nichts."},
				[]string{"Die Sendung hängt im Zoll fest und sollte übermorgen bei Ihnen sein.", "Das tut mir leid. Ich habe einen Nachforschungsantrag gestellt."}},
			{"Rückgabe", "Rücksendung", "return", 4,
				[]string{"Ich möchte {product} zurückgeben, die Größe stimmt nicht.", "Das Rücksendeetikett lässt sich nicht öffnen."},
				[]string{"Anbei das Etikett. Die Erstattung folgt nach Eingang.", "Ich schicke Ihnen das Etikett als PDF."}},
			{"Rechnung fehlt", "Sonstiges", "b2b", 3,
				[]string{"Für {order} fehlt uns die Rechnung mit ausgewiesener Umsatzsteuer.", "Der Rabatt \"SOMMER\" wurde nicht abgezogen."},
				[]string{"Die Rechnung ist unterwegs an Ihre Buchhaltung.", "Der Rabatt wird in den nächsten Tagen gutgeschrieben."}},
		},
		detail: []string{
			"Ich habe schon zweimal geschrieben und keine Antwort erhalten.",
			"Bitte melden Sie sich möglichst heute noch; morgen bin ich außer Haus.",
			"Das Gerät wird sehr heiß und riecht nach verschmortem Kunststoff, das kann so nicht gewollt sein.",
		},
		followUp: []string{"Danke, das hat geklappt.", "Und wann ungefähr?", "Leider nein, der Fehler tritt weiterhin auf.", "Die Nummer lautet {order}."},
		closing:  []string{"Einen schönen Tag noch!", "Melden Sie sich gern wieder.", "Danke für Ihre Geduld."},
		notes:    []string{"Kunde wünscht Rückruf nach 16 Uhr.", "Ersatz veranlasst ({order})."},
		files:    []string{"Rechnung.pdf", "Foto Rückseite.jpg"},
		verdicts: [5]string{"Nie wieder.", "Zu langsam.", "Geht so.", "Freundlich und kompetent.", "Spitze, danke schön!"},
	},
	"en": {
		hello: "Hello,", bye: "Kind regards",
		automatic: "Thanks for getting in touch. We are here on weekdays from 8 to 17 CET and usually reply within a day.",
		menu:      "What is it about?\n1. Delivery\n2. Returns\n3. Something else",
		question:  "What can we help with?",
		topics: []topic{
			{"Where is order {order}?", "Delivery", "delivery", 0,
				[]string{"My {product} was due on Tuesday and still isn't here.", "Tracking says \"held at depot\". What does that mean?"},
				[]string{"It has left the depot and should be with you tomorrow.", "I'm sorry about that; a replacement goes out today."}},
			{"Refund for {product}", "Returns", "refund", 4,
				[]string{"I sent {product} back three weeks ago and haven't seen the money.", "The handle came off <5 minutes after unboxing. I'd like a refund & an explanation."},
				[]string{"The refund was issued this morning; banks take two or three days.", "That shouldn't happen. You will have your money back this week."}},
			{"Complaint", "Something else", "complaint", 0,
				[]string{"This is the third time I write about {order}.", "Your colleague promised a call on Monday. Nobody called."},
				[]string{"You are right, and I apologise. I am taking this over myself.", "I have read the whole history; here is what happens next."}},
		},
		detail: []string{
			"I attached a photo of the label in case that helps.",
			"I'm travelling from Thursday, so mail is better than phone.",
			"For what it's worth, the product itself is lovely \\o/ and I would buy it again.",
		},
		followUp: []string{"Brilliant, thank you!", "Any news on this?", "No, same as before.\tStill nothing.", "Sorry, wrong number: it is {order}"},
		closing:  []string{"Have a good one!", "Just write again if anything comes up.", "Thanks for bearing with us."},
		notes:    []string{"Escalated to freight; they promise an answer by Friday.", "Customer asked for \"someone senior\"."},
		files:    []string{"label.png", "receipt (1).pdf"},
		verdicts: [5]string{"Awful.", "Slow and unhelpful.", "OK I guess", "Good, thanks.", "Couldn't be better 🎉"},
	},
}

package apps

// shiny is Shiny for R, as runApp serves it. Its page says nothing of a 401, and of a
// closed WebSocket only that it goes grey.
func shiny() App {
	return App{
		Name: "shiny", Title: "Shiny",
		// Rscript starts anything, so its command does not tell.
		Sign: Sign{Path: "/shared/shiny.min.js", Header: "Content-Type: application/javascript", Body: "/*! shiny "},
		// With options(shiny.reactlog = TRUE) it shows what every session computed.
		Denied: []string{"/reactlog"},
		Socket: Socket{Farewell: shinyFarewell, Text: true},
		Recipe: Recipe{
			Install: "apt-get update && apt-get install --yes r-cran-shiny",
			Command: []string{"env", "LANG=C.UTF-8", "Rscript", "-e", "shiny::runApp(port = {port})"},
			Port:    "3838",
			Who:     "session$request$HTTP_X_USER_EMAIL",
			Notes: []string{
				"A name outside ASCII comes percent-encoded: name <- URLdecode(session$request$HTTP_X_USER_NAME); Encoding(name) <- \"UTF-8\". R shows it right in a locale of UTF-8 alone, which LANG says.",
				"A link to /_gate/logout signs out.",
				"An upload is at most 5 MB, unless options(shiny.maxRequestSize = ) says otherwise.",
				"session$allowReconnect(\"force\") has an open page come back by itself after a sign-in in another tab, with its inputs, as whoever signed in; what its buttons had counted is a click anew, which observeEvent carries out once more unless ignoreInit = TRUE.",
				"Behind Shiny Server the headers reach ui <- function(request) alone: it opens the WebSocket to R itself, without them.",
			},
			Tested: "test/dashboards",
		},
	}
}

// shinyNotice is the message by which showNotification works (Shiny for R 0.14 and
// later, Shiny for Python): it stays above the grey of a page that lost its connection.
// The link loads the page's own address again, which leads through the sign-in and
// back to it.
const shinyNotice = `{"notification":{"type":"show","message":{` +
	`"html":"Your session has ended.","action":"<a href=\"\">Sign in again</a>","deps":[],` +
	`"duration":null,"id":"sidegate","closeButton":true,"type":"error"}}}`

func shinyFarewell(string) []byte { return []byte(shinyNotice) }

package web

import "strings"

// Browser says in words which browser sent a User-Agent: "Chrome on Linux". The
// words are ours, whatever the field says: whoever signs in chooses its content.
func Browser(userAgent string) string {
	name := firstOf(userAgent, browsers())
	if name == "" {
		return "Another browser"
	}
	if system := firstOf(userAgent, systems()); system != "" {
		return name + " on " + system
	}
	return name
}

// mark is a word of a User-Agent and what it stands for.
type mark struct{ word, means string }

// browsers are in an order that matters: each claims to be those after it, for the
// sake of servers that serve only what they know.
func browsers() []mark {
	return []mark{
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"Edge/", "Edge"},
		{"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"}, {"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
	}
}

// systems are in such an order too: a phone claims to be the desktop system that
// its own was made from. An iPad in its usual setting cannot be told from a Mac.
func systems() []mark {
	return []mark{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
		{"Windows", "Windows"}, {"Macintosh", "macOS"}, {"Linux", "Linux"}, {"X11", "Unix"},
	}
}

func firstOf(userAgent string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(userAgent, m.word) {
			return m.means
		}
	}
	return ""
}

# {{.App.Title}} behind sidegate, on one machine. {{.Tested}}
#
# Before: a client of type "Web application" in the Google Cloud console, with the redirect
# URI {{.Public}}/_gate/callback, downloaded as client_secret.json.
{{- with .Recipe.Install}}

{{.}}
{{- end}}
{{- range .Recipe.Files}}

cat > {{.Name}} <<'END_OF_FILE'
{{.Content}}END_OF_FILE
{{- end}}

export SIDEGATE_CLIENT_JSON=client_secret.json
export SIDEGATE_ALLOWED_EMAILS=you@example.com    # or SIDEGATE_ALLOWED_DOMAINS=example.com
export SIDEGATE_PUBLIC_URL={{.Public}}
export SIDEGATE_SESSION_STORE=file:sessions.db    # a restart signs nobody out
export SIDEGATE_APP={{.App.Name}}
{{- range .Recipe.Settings}}
export SIDEGATE_{{.}}
{{- end}}
{{- if .Command}}

# Listens at 127.0.0.1 on a port that sidegate chooses and tells it; it gets by itself:
{{- range .Environment}}
#   {{public .}}
{{- else}}
#   PORT, HOST
{{- end}}
sidegate run -- {{join .Recipe.Command}}
{{- else}}
export SIDEGATE_UPSTREAM=http://127.0.0.1:{{.Recipe.Port}}

# The environment of {{.App.Title}}, which has to be on the same machine:
{{- range .Environment}}
#   {{public .}}
{{- end}}
sidegate serve
{{- end}}

# Who is signed in: {{.Recipe.Who}}
{{- range .Recipe.Notes}}
# - {{.}}
{{- end}}

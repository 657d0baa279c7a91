#!/bin/sh
# Post what a night found to a chat that takes {"text": ...} (Slack, Teams, Mattermost).
# Usage: WEBHOOK=https://chat.example/hook leakkit-tell.sh news.json
# Without news the file says "news": false, and nothing is posted.
set -eu
news=$1
text=$(jq -r 'if .news then
    [select(.failed != "") | .failed]
    + [.pipelines[] | .pipeline as $name | .appeared[] | "\($name): \(.sentence)"]
    + [.pipelines[] | select(.failed != "") | "\(.pipeline) failed: \(.failed)"]
    | join("\n") else "" end' "$news")
[ -n "$text" ] || exit 0
jq -n --arg text "$text" '{text: $text}' |
  curl --fail --silent --show-error --header 'Content-Type: application/json' --data @- "$WEBHOOK"

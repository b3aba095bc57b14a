package study

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"strings"

	"github.com/russross/blackfriday/v2"

	"walm/report"

	_ "embed"
)

//go:embed page.css
var css string

// page is the README as one self-contained HTML page.
func page(title string, readme []byte, files map[string][]byte) []byte {
	body := string(blackfriday.Run(readme, blackfriday.WithExtensions(blackfriday.CommonExtensions)))
	for name, svg := range files {
		data := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)
		body = strings.ReplaceAll(body, `src="`+name+`"`, `src="`+data+`"`)
	}
	body = strings.ReplaceAll(body, "<table>", `<div class="scroll"><table>`)
	body = strings.ReplaceAll(body, "</table>", "</table></div>")
	for _, v := range Verdicts() {
		cell := "<td><strong>" + string(v) + "</strong></td>"
		body = strings.ReplaceAll(body, cell, fmt.Sprintf(`<td><span class="pill %s">%s</span></td>`, mood(v), v))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>%s</title>\n<style>\n%s</style>\n</head>\n"+
		"<body>\n<main>\n%s</main>\n</body>\n</html>\n", html.EscapeString(title), string(report.CSS())+css, body)
	return b.Bytes()
}

func mood(v Verdict) string {
	switch v {
	case Holds:
		return "good"
	case HoldsInPart:
		return "warn"
	case Fails:
		return "bad"
	}
	return "none"
}

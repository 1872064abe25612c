package shell

import (
	"fmt"
	"strconv"
	"strings"
)

// exprMain is expr: 0, 1 if the result is empty or 0, 2 if the expression makes no sense, 3 for an error.
func exprMain(c *command) int {
	args := c.args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return c.misused(2, "missing operand")
	}
	e := &expression{args: args}
	result := e.level(0)
	if e.problem == "" && len(e.args) > 0 {
		e.problem = "syntax error: unexpected argument '" + e.args[0] + "'"
	}
	if e.problem != "" {
		c.complain("%s", e.problem)
		return 2
	}
	fmt.Fprintln(c.out, result)
	if none(result) {
		return 1
	}
	return 0
}

type expression struct {
	args    []string
	problem string
}

// none: empty or zero.
func none(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return text == "" || digits != "" && strings.Trim(digits, "0") == ""
}

func (e *expression) wrong(problem string) string {
	if e.problem == "" {
		e.problem = problem
	}
	return ""
}

// level parses the operators of one level of precedence, and what binds closer.
func (e *expression) level(level int) string {
	levels := [][]string{{"|"}, {"&"}, {"=", "==", "!=", "<", "<=", ">", ">="}, {"+", "-"}, {"*", "/", "%"}, {":"}}
	if level == len(levels) {
		return e.operand()
	}
	left := e.level(level + 1)
	for len(e.args) > 0 && e.problem == "" && contains(levels[level], e.args[0]) {
		operator := e.args[0]
		e.args = e.args[1:]
		right := e.level(level + 1)
		if e.problem == "" {
			left = e.apply(left, operator, right)
		}
	}
	return left
}

func contains(list []string, text string) bool {
	for _, one := range list {
		if one == text {
			return true
		}
	}
	return false
}

func (e *expression) operand() string {
	if len(e.args) == 0 {
		return e.wrong("syntax error: missing argument")
	}
	word := e.args[0]
	e.args = e.args[1:]
	take := func() string { return e.operand() }
	switch {
	case word == "(":
		result := e.level(0)
		if len(e.args) == 0 || e.args[0] != ")" {
			return e.wrong("syntax error: expecting ')'")
		}
		e.args = e.args[1:]
		return result
	case word == ")":
		return e.wrong("syntax error: unexpected ')'")
	case word == "+" && len(e.args) > 0:
		word, e.args = e.args[0], e.args[1:]
	case word == "length" && len(e.args) > 0:
		return strconv.Itoa(len([]rune(take())))
	case word == "match" && len(e.args) > 1:
		text := take()
		return e.match(text, take())
	case word == "index" && len(e.args) > 1:
		text := take()
		return strconv.Itoa(strings.IndexAny(text, take()) + 1)
	case word == "substr" && len(e.args) > 2:
		text := take()
		from, problemA := strconv.Atoi(take())
		length, problemB := strconv.Atoi(take())
		if problemA != nil || problemB != nil || from < 1 || from > len(text) || length < 1 {
			return ""
		}
		return text[from-1 : min(len(text), from-1+length)]
	}
	return word
}

func (e *expression) apply(left, operator, right string) string {
	truth := func(result bool) string {
		if result {
			return "1"
		}
		return "0"
	}
	switch operator {
	case "|":
		if !none(left) {
			return left
		}
		if !none(right) {
			return right
		}
		return "0"
	case "&":
		if none(left) || none(right) {
			return "0"
		}
		return left
	case ":":
		return e.match(left, right)
	}
	a, problemA := strconv.ParseInt(left, 10, 64)
	b, problemB := strconv.ParseInt(right, 10, 64)
	numbers := problemA == nil && problemB == nil
	order := strings.Compare(left, right)
	if numbers {
		order = 0
		if a != b {
			order = 1
			if a < b {
				order = -1
			}
		}
	}
	switch operator {
	case "=", "==":
		return truth(order == 0)
	case "!=":
		return truth(order != 0)
	case "<":
		return truth(order < 0)
	case "<=":
		return truth(order <= 0)
	case ">":
		return truth(order > 0)
	case ">=":
		return truth(order >= 0)
	}
	if !numbers {
		return e.wrong("non-integer argument")
	}
	switch operator {
	case "+":
		return strconv.FormatInt(a+b, 10)
	case "-":
		return strconv.FormatInt(a-b, 10)
	case "*":
		return strconv.FormatInt(a*b, 10)
	}
	if b == 0 {
		return e.wrong("division by zero")
	}
	if operator == "/" {
		return strconv.FormatInt(a/b, 10)
	}
	return strconv.FormatInt(a%b, 10)
}

// match is TEXT : PATTERN, anchored at the start: the group's text, or how much matched.
func (e *expression) match(text, pattern string) string {
	m, err := compile([]string{strings.TrimPrefix(pattern, "^")}, 'G', false, false, false)
	if err != nil {
		return e.wrong(err.Error())
	}
	at := m.expression.FindStringSubmatchIndex(text)
	for at != nil && at[0] != 0 {
		at = nil
	}
	group := strings.Contains(pattern, `\(`)
	switch {
	case at == nil && group, group && len(at) > 3 && at[2] < 0:
		return ""
	case at == nil:
		return "0"
	case group:
		return text[at[2]:at[3]]
	}
	return strconv.Itoa(len([]rune(text[:at[1]])))
}

package main

import (
	"encoding/json"
	"go/ast"
	"go/token"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func deployed(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// settings returns what stands on the lines of a unit, or of a build's last stage, by the word that begins them.
func settings(text, separator string) map[string][]string {
	all := map[string][]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), separator); ok && !strings.HasPrefix(key, "#") {
			all[key] = append(all[key], value)
		}
	}
	return all
}

// only returns the one value of a setting.
func only(t *testing.T, all map[string][]string, key string) string {
	t.Helper()
	if len(all[key]) != 1 {
		t.Fatalf("%s is there %d times, want once", key, len(all[key]))
	}
	return all[key][0]
}

// checkVariable fails for a variable that the program does not read.
func checkVariable(t *testing.T, name string) {
	t.Helper()
	known := map[string]bool{}
	for file, tree := range sources(t) {
		if filepath.Dir(file) != "cmd/dixa2plecto" {
			continue
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, err := strconv.Unquote(lit.Value)
				known[text] = err == nil
			}
			return true
		})
	}
	base, inFile := strings.CutSuffix(name, "_FILE")
	if !known[base] || inFile && !slices.Contains(credentialNames(), base) {
		t.Errorf("the program reads no %s", name)
	}
}

// checkListens fails where a serve command line is not one, and returns the port that it listens on.
func checkListens(t *testing.T, line string) (host, port string) {
	t.Helper()
	if err := parses(line); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	_, address, _ := strings.Cut(line, "--listen ")
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.HasPrefix(line, "dixa2plecto serve ") {
		t.Errorf("%s: %v", line, err)
	}
	return host, port
}

func TestTheServiceRunsThisProgram(t *testing.T) {
	unit := settings(deployed(t, "dixa2plecto.service"), "=")
	line := only(t, unit, "ExecStart")
	if host, _ := checkListens(t, strings.TrimPrefix(line, "/usr/local/bin/")); !loopback(host) {
		t.Errorf("%s: a service listens for a proxy on its own machine", line)
	}
	credentials := map[string]bool{} // by the name of the file that systemd makes
	for _, value := range unit["LoadCredential"] {
		name, _, _ := strings.Cut(value, ":")
		credentials[name] = true
	}
	used := map[string]bool{}
	for _, assignment := range unit["Environment"] {
		variable, value, _ := strings.Cut(assignment, "=")
		checkVariable(t, variable)
		if name, ok := strings.CutPrefix(value, "%d/"); ok {
			if !credentials[name] || used[name] {
				t.Errorf("%s is no credential of its own", assignment)
			}
			used[name] = true
			if !strings.HasSuffix(variable, "_FILE") {
				t.Errorf("%s takes no file", variable)
			}
		}
	}
	if len(used) != len(credentials) || len(used) != len(credentialNames()) {
		t.Errorf("%d of %d credentials are used, the program has %d", len(used), len(credentials), len(credentialNames()))
	}
	// It counts as hanging where it has not beaten for half a minute, and may wait as long for another process.
	if patience := only(t, unit, "WatchdogSec"); duration(t, patience) < 90*time.Second {
		t.Errorf("it is killed after %s without a sign of life", patience)
	}
	if state, db := only(t, unit, "StateDirectory"), "DIXA2PLECTO_DB=%S/"; !slices.ContainsFunc(unit["Environment"], func(e string) bool { return strings.HasPrefix(e, db+state+"/") }) {
		t.Errorf("the cache is not in %s", state)
	}
	for _, code := range []error{usage(os.ErrInvalid), missingCredentials([]string{dixaToken})} {
		if code := strconv.Itoa(exitCode(code)); !slices.Contains(strings.Fields(only(t, unit, "RestartPreventExitStatus")), code) {
			t.Errorf("it is started again after code %s", code)
		}
	}
}

// duration reads a time as systemd writes it: 2min, 30s.
func duration(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(strings.ReplaceAll(text, "min", "m"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// section returns what stands in the README between a heading and the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, ok := strings.Cut(readme(t), "\n### "+heading+"\n")
	if !ok {
		t.Fatalf("the README has no section %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n#")
	return text
}

// assigned returns the variables that a text sets to files.
func assigned(text string) map[string]string {
	all := map[string]string{}
	for _, found := range regexp.MustCompile(`(\w+_FILE)=(\S+)`).FindAllStringSubmatch(text, -1) {
		all[found[1]] = found[2]
	}
	return all
}

func TestTheReadmeMakesTheFilesThatTheServiceLoads(t *testing.T) {
	unit, text := settings(deployed(t, "dixa2plecto.service"), "="), section(t, "systemd, for `serve`")
	loaded := map[string]string{} // path of a file by the name that systemd gives it
	for _, value := range unit["LoadCredential"] {
		name, path, _ := strings.Cut(value, ":")
		loaded[name] = path
	}
	folder := regexp.MustCompile(`(?m)^cd (\S+)$`).FindStringSubmatch(text)
	if folder == nil {
		t.Fatal("it makes them in no folder")
	}
	made := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?:cat >|--secret-file) ([\w-]+)`).FindAllStringSubmatch(text, -1) {
		made[filepath.Join(folder[1], found[1])] = true
	}
	exported := assigned(text)
	for variable, value := range assigned(strings.Join(unit["Environment"], "\n")) {
		path := loaded[strings.TrimPrefix(value, "%d/")]
		if !made[path] {
			t.Errorf("it does not make %s", path)
		}
		// The secret of the webhook is there only after the last of the commands.
		if name, ok := strings.CutSuffix(variable, "_FILE"); name != webhookSecret && ok && filepath.Join(folder[1], exported[variable]) != path {
			t.Errorf("its commands read %s from %q, the service from %s", variable, exported[variable], path)
		}
	}
	if len(made) != len(loaded) {
		t.Errorf("it makes %v, the service loads %v", made, loaded)
	}
	for _, assignment := range unit["Environment"] {
		if db, ok := strings.CutPrefix(assignment, "DIXA2PLECTO_DB=%S"); ok && !strings.Contains(text, "DIXA2PLECTO_DB=/var/lib"+db) {
			t.Errorf("its commands have another cache than %s", assignment)
		}
	}
}

func TestTheReadmeGivesTheContainerWhatItNames(t *testing.T) {
	text := section(t, "Container")
	files := assigned(text)
	for variable, path := range files {
		checkVariable(t, variable)
		name, secret := strings.CutPrefix(path, "/run/secrets/")
		if secret && !strings.Contains(text, "--secret "+name+" ") || !secret && !strings.Contains(text, "--secret-file "+path+"`") {
			t.Errorf("nothing makes %s", path)
		}
	}
	for _, name := range credentialNames() {
		if files[name+"_FILE"] == "" && !strings.Contains(text, "-e "+name+"=") {
			t.Errorf("it gets no %s", name)
		}
	}
}

// Where systemd is not installed, systemd-analyze cannot be asked; the machine that tests changes has it.
func TestSystemdTakesTheServiceAndFindsItClosed(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not installed")
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "dixa2plecto.service")
	text := strings.ReplaceAll(deployed(t, "dixa2plecto.service"), "ExecStart=/usr/local/bin/dixa2plecto", "ExecStart="+self)
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), analyze, "verify", unit).CombinedOutput(); err != nil || strings.Contains(string(out), unit) {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// The threshold is in tenths.
	if out, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=true", "--threshold=20", unit).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

func TestTheImageRunsThisProgramAndNothingElse(t *testing.T) {
	text := deployed(t, "Containerfile")
	stages := regexp.MustCompile(`(?m)^FROM `).Split(text, -1)
	build, image := stages[len(stages)-2], stages[len(stages)-1]
	if !strings.HasPrefix(image, "scratch\n") {
		t.Error("the image is not made from nothing")
	}
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(mod)
	if want := "docker.io/library/golang:" + string(version[1]) + " "; !strings.HasPrefix(build, want) {
		t.Errorf("it is not built with %s", want)
	}
	for _, folder := range settings(build, " ")["COPY"] {
		for _, name := range strings.Fields(folder)[:len(strings.Fields(folder))-1] {
			if _, err := os.Stat(filepath.Join("../..", name)); err != nil {
				t.Error(err)
			}
		}
	}

	all := settings(image, " ")
	if user := only(t, all, "USER"); !regexp.MustCompile(`^[1-9]\d*:[1-9]\d*$`).MatchString(user) {
		t.Errorf("the user %s is not a number, or is root", user)
	}
	variable, db, _ := strings.Cut(only(t, all, "ENV"), "=")
	checkVariable(t, variable)
	if volume := only(t, all, "VOLUME"); filepath.Dir(db) != volume || only(t, all, "WORKDIR") != volume {
		t.Errorf("the cache %s, or where it runs, is not in the volume %s", db, volume)
	}
	list := func(text string) []string {
		t.Helper()
		var all []string
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatalf("%s: %v: there is no shell that could split it", text, err)
		}
		return all
	}
	entry := list(only(t, all, "ENTRYPOINT"))
	line := strings.Join(append([]string{filepath.Base(entry[0])}, list(only(t, all, "CMD"))...), " ")
	if _, port := checkListens(t, line); port != only(t, all, "EXPOSE") {
		t.Errorf("%s: another port is exposed", line)
	}
	_, check, _ := strings.Cut(only(t, all, "HEALTHCHECK"), "CMD ")
	called := list(check)
	if called[0] != entry[0] {
		t.Errorf("the check calls %s, which is not there", called[0])
	}
	if !slices.Contains(called, "--alive") {
		t.Errorf("%v: with trouble of a service, what works would be ended", called)
	}
	if err := parses(filepath.Base(called[0]) + " " + strings.Join(called[1:], " ")); err != nil {
		t.Errorf("%v: %v", called, err)
	}
}

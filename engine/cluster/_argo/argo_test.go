package argo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"
)

// workflow is what the tests look at; that there is nothing else in a file than
// Argo knows is the schema's to say.
type workflow struct {
	Metadata struct{ Name string }
	Spec     struct {
		Entrypoint string
		Volumes    []struct{ Name string }
		Templates  []template
	}
}

type template struct {
	Name   string
	Inputs struct{ Parameters []struct{ Name string } }
	DAG    *struct {
		Tasks []struct {
			Name, Template string
			Dependencies   []string
			WithSequence   struct{ Count string }
			Arguments      struct {
				Parameters []struct{ Name, Value string }
			}
		}
	}
	RetryStrategy struct{ Limit, RetryPolicy, Expression string }
	Container     *struct {
		Command      []string
		Args         []string
		WorkingDir   string
		Env          []struct{ Name, Value string }
		Resources    struct{ Requests, Limits map[string]string }
		VolumeMounts []struct{ Name, MountPath string }
	}
}

// schemaOf compiles Argo's schema of a WorkflowTemplate such that fields it
// does not know are refused, as `argo lint --strict` does.
func schemaOf(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-workflows/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "api", "jsonschema", "schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	closed := 0
	for _, d := range schema["definitions"].(map[string]any) {
		if d := d.(map[string]any); d["properties"] != nil && d["additionalProperties"] == nil {
			d["additionalProperties"] = false
			closed++
		}
	}
	if closed < 300 {
		t.Fatalf("the schema defines %d objects", closed)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("argo.json", map[string]any{
		"$schema": schema["$schema"], "definitions": schema["definitions"],
		"$ref": "#/definitions/io.argoproj.workflow.v1alpha1.WorkflowTemplate", "required": []any{"apiVersion", "kind"},
	}); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("argo.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode reads a workflow under the schema.
func decode(s *jsonschema.Schema, text []byte) (w workflow, err error) {
	if text, err = yaml.YAMLToJSONStrict(text); err != nil {
		return w, err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return w, err
	}
	if err := s.Validate(v); err != nil {
		return w, err
	}
	return w, json.Unmarshal(text, &w)
}

// steps are the templates of pods in the order in which the DAG runs them,
// with the number of pods of each. It holds the workflow to what Argo's
// controller demands beyond the schema: names that are defined, parameters that
// are given and used, a DAG that is none of circles.
func steps(w workflow) (order []template, jobs []int, err error) {
	named := map[string]template{}
	for _, t := range w.Spec.Templates {
		if _, twice := named[t.Name]; twice {
			return nil, nil, fmt.Errorf("template %s twice", t.Name)
		}
		named[t.Name] = t
	}
	run := named[w.Spec.Entrypoint]
	if run.DAG == nil {
		return nil, nil, fmt.Errorf("no DAG is the entry point %q", w.Spec.Entrypoint)
	}
	var done []string
	for len(done) < len(run.DAG.Tasks) {
		before := len(done)
		for _, task := range run.DAG.Tasks {
			waits := slices.ContainsFunc(task.Dependencies, func(d string) bool { return !slices.Contains(done, d) })
			if waits || slices.Contains(done, task.Name) {
				continue
			}
			if len(done) > 0 && !slices.Contains(task.Dependencies, done[len(done)-1]) {
				return nil, nil, fmt.Errorf("task %s does not wait for %s", task.Name, done[len(done)-1])
			}
			t, ok := named[task.Template]
			if !ok || t.Container == nil {
				return nil, nil, fmt.Errorf("task %s: no container in template %q", task.Name, task.Template)
			}
			n, err := strconv.Atoi(task.WithSequence.Count)
			if err != nil || n < 1 {
				return nil, nil, fmt.Errorf("task %s: a sequence of %q", task.Name, task.WithSequence.Count)
			}
			if p := task.Arguments.Parameters; len(p) != 1 || len(t.Inputs.Parameters) != 1 || p[0].Name != t.Inputs.Parameters[0].Name || p[0].Value != "{{item}}" {
				return nil, nil, fmt.Errorf("task %s: arguments %v for inputs %v", task.Name, p, t.Inputs.Parameters)
			}
			for _, m := range t.Container.VolumeMounts {
				if !slices.ContainsFunc(w.Spec.Volumes, func(v struct{ Name string }) bool { return v.Name == m.Name }) {
					return nil, nil, fmt.Errorf("template %s: no volume %s", t.Name, m.Name)
				}
			}
			if r := t.Container.Resources; r.Requests["memory"] == "" || r.Requests["memory"] != r.Limits["memory"] || r.Requests["cpu"] == "" {
				return nil, nil, fmt.Errorf("template %s: resources %v", t.Name, r)
			}
			if r := t.RetryStrategy; r.RetryPolicy != "Always" || r.Expression != "lastRetry.exitCode not in ['2', '3']" {
				return nil, nil, fmt.Errorf("template %s: %+v", t.Name, r)
			}
			done, order, jobs = append(done, task.Name), append(order, t), append(jobs, n)
		}
		if len(done) == before {
			return nil, nil, fmt.Errorf("no task can run after %q", done)
		}
	}
	return order, jobs, nil
}

// TestGolden reads the workflows that the generator's own tests hold fixed.
func TestGolden(t *testing.T) {
	s := schemaOf(t)
	names, err := filepath.Glob("../testdata/argo*/workflow.yaml")
	if err != nil || len(names) != 2 {
		t.Fatalf("%d workflows, %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		w, err := decode(s, text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		order, _, err := steps(w)
		if err != nil || len(order) != 5+strings.Count(string(text), "template: decide") {
			t.Errorf("%s: %d stages, %v", name, len(order), err)
		}
		// The reader must be able to refuse.
		for _, change := range [][2]string{
			{"withSequence:", "withSequences:"}, {"entrypoint:", "entryPoint:"}, {`count: "`, `counts: "`}, {"limit:", "limits:"}, {"mountPath:", "mountpath:"},
			{"parallelism: ", "parallelism: x"}, {"spec:", "spec:\n  parallelism: 1"}, {"name: match\n", "name: scan\n"}, {"[resolve]", "[seal]"}, {`"{{item}}"`, `"{{items}}"`},
			{"kind: WorkflowTemplate", "kind: Workflow"}, {"- name: scratch\n    empty", "- name: other\n    empty"},
		} {
			changed := strings.Replace(string(text), change[0], change[1], 1)
			if changed == string(text) {
				t.Fatalf("%s holds no %q", name, change[0])
			}
			w, err := decode(s, []byte(changed))
			if err == nil {
				_, _, err = steps(w)
			}
			if err == nil {
				t.Errorf("%s: read with %q", name, change[1])
			}
		}
	}
}

// TestRun does what Argo does with a workflow, in processes: a pod for each
// number of a sequence, started by the container's command with its variables
// filled in. The bytes are those of run.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	program, volume, jobs := filepath.Join(dir, "tallystick"), filepath.Join(dir, "volume"), filepath.Join(dir, "jobs")
	build := exec.Command("go", "build", "-o", program, "./cmd/tallystick")
	build.Dir = "../../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as in the Dockerfile
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Join(volume, "in"), 0o777); err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for i := range 5_000 {
		k := i - i%10/9*5 // the tenth of ten repeats the fifth
		fmt.Fprintf(&lines, `{"id":"%d","contributor":"c%d","text":"%s number %d of a delivery, %x"}`+"\n", i, i%7, strings.Repeat("words about nothing ", 4+k%5), k, k*k*k)
	}
	if err := os.WriteFile(filepath.Join(volume, "in", "a.jsonl"), lines.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	tool := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir = volume
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	args := []string{"in", "--tokenizer", "gpt2", "--shard-size", "100KB", "--quiet"}
	tool(append([]string{"run", "--out", "whole"}, args...)...)
	tool(append([]string{"plan", "--out", "out"}, args...)...)
	tool("cluster", "argo", "--plan", "out/plan.json", "--image", "registry.example/tallystick:1", "--claim", "corpus", "--out", jobs, "--cpus", "2")
	text, err := os.ReadFile(filepath.Join(jobs, "workflow.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := decode(schemaOf(t), text)
	if err != nil {
		t.Fatal(err)
	}
	order, counts, err := steps(w)
	if err != nil || counts[0] < 2 {
		t.Fatalf("%d pods, %v", counts, err)
	}
	for i, step := range order {
		c := step.Container
		here := func(s string) string { return strings.ReplaceAll(s, c.VolumeMounts[0].MountPath+"/", volume+"/") }
		if !slices.Equal(c.Command, []string{"/usr/local/bin/tallystick"}) {
			t.Fatalf("%s runs %q", step.Name, c.Command)
		}
		for item := counts[i] - 1; item >= 0; item-- {
			cmd := exec.Command(program)
			for _, a := range c.Args {
				a = strings.ReplaceAll(a, "{{inputs.parameters."+step.Inputs.Parameters[0].Name+"}}", strconv.Itoa(item))
				if strings.Contains(a, "{{") {
					t.Fatalf("%s: who fills in %q?", step.Name, a)
				}
				cmd.Args = append(cmd.Args, here(a))
			}
			cmd.Dir = here(c.WorkingDir + "/")
			cmd.Env = []string{"PATH=/usr/bin:/bin"}
			for _, e := range c.Env {
				cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("pod %d of %s: %v\n%s", item, step.Name, err, out)
			}
		}
	}
	for _, name := range []string{"manifest.json", "tally.parquet", "plan.json"} {
		want, err := os.ReadFile(filepath.Join(volume, "whole", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(volume, "out", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from that of run (%v)", name, err)
		}
	}
	tool("verify", "out", "--inputs", "--quiet")
}

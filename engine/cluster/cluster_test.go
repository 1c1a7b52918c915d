package cluster

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

var update = flag.Bool("update", false, "write the golden files anew")

// planOf is a plan of n shards of 64 MiB.
func planOf(n int) plan.Plan {
	p := plan.Plan{
		RunID: strings.Repeat("0123456789abcdef", 4), MaxLine: 256 << 20, Partitions: min(256, max(4, n)), NearDup: plan.NearDup{Bands: 16, Rows: 5},
		Files: []plan.File{{Path: "corpus/a.jsonl", Compression: "none"}},
	}
	for i := range n {
		p.Shards = append(p.Shards, plan.Shard{Offset: int64(i) << 26, Length: 1 << 26})
	}
	return p
}

// withDecide is a plan with tasks that decide.
func withDecide(p plan.Plan) plan.Plan {
	p.DecideTasks = 16
	return p
}

// golden compares files with those in testdata/NAME.
func golden(t *testing.T, name string, files []File) {
	t.Helper()
	dir := filepath.Join("testdata", name)
	if *update {
		os.RemoveAll(dir)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Name)
		if *update {
			if err := os.MkdirAll(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, f.Mode); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(string(want), string(f.Data)); diff != "" {
			t.Errorf("%s (-want +got; -update writes it anew):\n%s", path, diff)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(files) {
		t.Errorf("%s holds %d files, want %d (%v)", dir, len(entries), len(files), err)
	}
}

// TestStages: every task is in just one job, and no stage has too many jobs.
func TestStages(t *testing.T) {
	for _, shards := range []int{1, 3, 4, 5, 999, 1001, 4001, 80_000} {
		for _, size := range []Size{{}, {CPUs: 1}, {CPUs: 64}, {MostJobs: 7}, {TasksPerJob: 100}} {
			p := planOf(shards)
			stages, err := Stages(p, size)
			if err != nil {
				t.Fatal(err)
			}
			if len(stages) != len(task.Order)-1 { // without decide
				t.Fatalf("%d stages", len(stages))
			}
			p.DecideTasks = 12
			if stages, err = Stages(p, size); err != nil || len(stages) != len(task.Order) {
				t.Fatalf("%d stages, %v", len(stages), err)
			}
			if s := stages[2]; s.Name != task.Decide || s.PerJob != (12+cmp.Or(size.MostJobs, 12)-1)/cmp.Or(size.MostJobs, 12) || s.CPUs != cmp.Or(size.CPUs, DefaultCPUs) {
				t.Errorf("%d shards, %+v: %+v", shards, size, s)
			}
			for _, s := range stages {
				if s.Jobs < 1 || s.Last()*s.PerJob >= s.Tasks || s.Jobs*s.PerJob < s.Tasks {
					t.Errorf("%d shards, %+v: %+v", shards, size, s)
				}
				if s.Jobs > cmp.Or(size.MostJobs, DefaultMostJobs) {
					t.Errorf("%d shards, %+v: %d jobs", shards, size, s.Jobs)
				}
				if s.Memory < 512<<20 || s.Time < 10*time.Minute || s.Time%time.Minute != 0 {
					t.Errorf("%d shards, %+v: asks for %d bytes, %v", shards, size, s.Memory, s.Time)
				}
			}
		}
	}
	for _, size := range []Size{{CPUs: -1}, {MostJobs: -1}, {TasksPerJob: -1}, {TasksPerJob: 1, MostJobs: 5}} {
		if _, err := Stages(planOf(10), size); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("%+v: %v", size, err)
		}
	}
	stages, err := Stages(planOf(10), Size{Memory: 5 << 30, Time: 90 * time.Second})
	if err != nil || stages[0].MiB() != 5<<10 || stages[4].Time != 2*time.Minute {
		t.Errorf("asked for 5 GiB and 90 s: %+v, %v", stages, err)
	}
}

// TestResolveOfSweepableRuns: one thread compresses what they keep, however many CPUs there are,
// with tasks of decide and without.
func TestResolveOfSweepableRuns(t *testing.T) {
	for _, tasks := range []int{0, 16} {
		p := planOf(5000)
		p.DecideTasks = tasks
		resolve := func() Stage {
			stages, err := Stages(p, Size{CPUs: 64})
			if err != nil {
				t.Fatal(err)
			}
			return stages[len(stages)-3]
		}
		plain := resolve()
		p.NearDup.FloorNum, p.NearDup.FloorDen = 1, 2
		sweepable := resolve()
		// About 1.5 ns for each byte, on a fast processor.
		if more := sweepable.Time - plain.Time; plain.Name != task.Resolve || more < 5*time.Nanosecond*(5000<<26) {
			t.Errorf("%d tasks of decide, %s: %v more", tasks, plain.Name, more)
		}
	}
}

func TestSlurmFiles(t *testing.T) {
	files, _, err := Slurm(withDecide(planOf(5000)), SlurmOptions{
		Binary: "/opt/tally stick/bin/tallystick", Plan: "/data/out/plan.json", Workdir: "/data", Jobs: "/data/50% jobs",
		Tokenizers: []string{"llama3=/models/llama 3/tokenizer.json"}, Partition: "batch", Account: "nlp", ArrayLimit: 50, MaxRejects: 10,
		Sbatch: []string{"--qos=low"}, StageArgs: []string{"--parser=simdjson"},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "slurm", files)
	for _, o := range []SlurmOptions{
		{Binary: "tallystick", Plan: "/p", Workdir: "/w", Jobs: "/j"},
		{Binary: "/b", Plan: "/p", Workdir: "/w\n#SBATCH --uid=0", Jobs: "/j"},
		{Binary: "/b", Plan: "/p", Workdir: "/w", Jobs: "/j", Partition: "a\nb"},
		{Binary: "/b", Plan: "/p", Workdir: "/w", Jobs: "/j", ArrayLimit: -1},
	} {
		if _, _, err := Slurm(planOf(1), o); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestKubernetesFiles(t *testing.T) {
	good := KubernetesOptions{Image: "registry.example/tallystick:1", Claim: "corpus", Mount: "/data", Plan: "/data/out/plan.json", Workdir: "/data"}
	o := good
	o.Namespace, o.Tokenizers, o.MaxRejects, o.Size = "nlp", []string{"llama3=/data/$(HOME)/llama 3.json"}, 10, Size{CPUs: 8, Memory: 12 << 30, Time: 6 * time.Hour}
	o.Timed, o.User, o.StageArgs = true, 1000, []string{"--parser=simdjson"}
	files, _, err := Kubernetes(withDecide(planOf(5000)), o)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "kubernetes", files)
	if files, _, err = Kubernetes(planOf(3), good); err != nil {
		t.Fatal(err)
	}
	golden(t, "kubernetes-small", files)
	p := planOf(3)
	p.Files[0].Path = "s3://corpora/a.jsonl"
	files, _, err = Kubernetes(p, KubernetesOptions{Image: "i", Secret: "s3-credentials", Mount: "/data", Plan: "s3://corpora/out/plan.json", Workdir: "/tmp"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "kubernetes-s3", files)
	for name, change := range map[string]func(*KubernetesOptions){
		"no image":         func(o *KubernetesOptions) { o.Image = "" },
		"image of words":   func(o *KubernetesOptions) { o.Image = "a b" },
		"claim":            func(o *KubernetesOptions) { o.Claim = "Corpus_1" },
		"no claim":         func(o *KubernetesOptions) { o.Claim = "" },
		"inputs elsewhere": func(o *KubernetesOptions) { o.Claim, o.Plan = "", "s3://corpora/out/plan.json" },
		"secret":           func(o *KubernetesOptions) { o.Secret = "a b" },
		"namespace":        func(o *KubernetesOptions) { o.Namespace = "a\nb" },
		"relative plan":    func(o *KubernetesOptions) { o.Plan = "out/plan.json" },
		"plan elsewhere":   func(o *KubernetesOptions) { o.Plan = "/database/plan.json" },
		"too many pods":    func(o *KubernetesOptions) { o.Parallelism = 1 << 20 },
		"too many indexes": func(o *KubernetesOptions) { o.MostJobs = 1 << 20 },
	} {
		o := good
		change(&o)
		if _, _, err := Kubernetes(planOf(3), o); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestArgoFiles(t *testing.T) {
	good := ArgoOptions{
		KubernetesOptions: KubernetesOptions{Image: "registry.example/tallystick:1", Claim: "corpus", Mount: "/data", Plan: "/data/out/plan.json", Workdir: "/data"},
		Binary:            "/usr/local/bin/tallystick",
	}
	o := good
	o.Namespace, o.Tokenizers, o.MaxRejects, o.Size = "nlp", []string{"llama3=/data/$(HOME)/llama 3.json"}, 10, Size{CPUs: 8, Memory: 12 << 30, Time: 6 * time.Hour}
	o.Timed, o.User, o.StageArgs, o.ServiceAccount = true, 1000, []string{"--parser=simdjson"}, "argo"
	files, _, err := Argo(withDecide(planOf(5000)), o)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "argo", files)
	p := planOf(3)
	p.Files[0].Path = "s3://corpora/a.jsonl"
	files, _, err = Argo(p, ArgoOptions{
		KubernetesOptions: KubernetesOptions{Image: "i", Secret: "s3-credentials", Mount: "/data", Plan: "s3://corpora/out/plan.json", Workdir: "/tmp"}, Binary: "/ko-app/tallystick",
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "argo-s3", files)
	for name, change := range map[string]func(*ArgoOptions){
		"no claim":        func(o *ArgoOptions) { o.Claim = "" },
		"service account": func(o *ArgoOptions) { o.ServiceAccount = "Argo workflow" },
		"program":         func(o *ArgoOptions) { o.Binary = "tallystick" },
		"a variable":      func(o *ArgoOptions) { o.StageArgs = []string{"--parser={{workflow.name}}"} },
		"too many tasks":  func(o *ArgoOptions) { o.MostJobs, o.TasksPerJob = 2, 1 },
	} {
		o := good
		change(&o)
		if _, _, err := Argo(planOf(3), o); !errors.Is(err, doc.ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestScripts lets the shell read what was written, where there is one.
func TestScripts(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	names, err := filepath.Glob("testdata/*/*")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range names {
		if strings.HasSuffix(name, ".sh") || strings.HasSuffix(name, ".sbatch") {
			if out, err := exec.Command(bash, "-n", name).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", name, err, out)
			}
			checked++
		}
	}
	if checked < 6 {
		t.Errorf("only %d scripts", checked)
	}
	for _, s := range []string{"", "plain", "two words", "it's", `"$HOME" \ #`, "ü%", "*"} {
		out, err := exec.Command(bash, "-c", "printf %s "+ShellQuote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q is %q to the shell, %v", s, out, err)
		}
	}
}

func TestParseTime(t *testing.T) {
	for in, want := range map[string]string{
		"90": "1h30m0s", "90m": "1h30m0s", "5:30": "5m30s", "2:00:00": "2h0m0s", "1-12": "36h0m0s", "1-12:30": "36h30m0s", "0-00:00:01": "1s", "2h30m": "2h30m0s",
		"": "", "0": "", "-5": "", "1:2:3:4": "", "x": "", "1-": "", "0m": "", "1-x": "", "-1h": "",
		"16000000:00:00": "", "65535-1000000": "",
	} {
		got, err := ParseTime(in)
		if want == "" && !errors.Is(err, doc.ErrUsage) || want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q: %v, %v, want %s", in, got, err, want)
		}
	}
	for d, want := range map[time.Duration]string{time.Minute: "0-00:01:00", 36*time.Hour + 5*time.Minute: "1-12:05:00"} {
		if got := slurmTime(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func ExampleWriteTable() {
	stages, _ := Stages(planOf(80_000), Size{CPUs: 16})
	if err := WriteTable(os.Stdout, stages); err != nil {
		fmt.Println(err)
	}
	// Output:
	// stage     tasks   jobs  tasks a job  CPUs      MiB  limit
	// scan     80,000  1,000           80    16    5,632    11m
	// match       256     16           16    16  265,728    39m
	// resolve       1      1            1    16  660,224  9h30m
	// tally    80,000  1,000           80    16    4,608    11m
	// seal          1      1            1     1    1,280    19m
}

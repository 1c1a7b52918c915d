package kubernetes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// TestMain also serves as the kubectl of the tests: apply.sh calls it.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "kubectl" {
		if err := kubectl(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "kubectl:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// read decodes a manifest as the API server does in its strict mode: no field
// unknown, none twice.
func read(name string) (*batchv1.Job, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	job, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return job, check(job)
}

func decode(text []byte) (*batchv1.Job, error) {
	text, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	var job batchv1.Job
	strict, err := kjson.UnmarshalStrict(text, &job)
	return &job, errors.Join(append(strict, err)...)
}

// check holds a Job to the rules of the API server that its fields are under
// (Kubernetes 1.37, pkg/apis/batch/validation).
func check(job *batchv1.Job) error {
	var errs []error
	must := func(ok bool, rule string) {
		if !ok {
			errs = append(errs, errors.New(rule))
		}
	}
	spec, pod := &job.Spec, &job.Spec.Template.Spec
	must(job.APIVersion == "batch/v1" && job.Kind == "Job", "a Job of batch/v1")
	must(spec.CompletionMode != nil && *spec.CompletionMode == batchv1.IndexedCompletion, "Indexed")
	must(spec.Completions != nil && *spec.Completions >= 1 && *spec.Completions <= 100_000, "completions")
	must(spec.Parallelism != nil && *spec.Parallelism >= 1 && *spec.Parallelism <= 100_000, "parallelism")
	must(spec.BackoffLimitPerIndex != nil && *spec.BackoffLimitPerIndex >= 1, "a back-off for each index")
	must(spec.BackoffLimit == nil && spec.MaxFailedIndexes == nil, "no back-off of the whole")
	must(pod.RestartPolicy == corev1.RestartPolicyNever, "a pod failure policy wants restartPolicy Never")
	must(len(pod.Containers) == 1, "one container")
	must(spec.PodFailurePolicy != nil && len(spec.PodFailurePolicy.Rules) == 2, "a pod failure policy")
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	// The pods of an Indexed Job are named after it and their index.
	must(len(fmt.Sprintf("%s-%d", job.Name, *spec.Completions-1)) <= 63, "a name that leaves room for indexes")
	c := pod.Containers[0]
	disrupted, hopeless := spec.PodFailurePolicy.Rules[0], spec.PodFailurePolicy.Rules[1]
	must(disrupted.Action == batchv1.PodFailurePolicyActionIgnore && len(disrupted.OnPodConditions) == 1 &&
		disrupted.OnPodConditions[0].Type == corev1.DisruptionTarget && disrupted.OnPodConditions[0].Status == corev1.ConditionTrue, "disruptions are ignored")
	must(hopeless.Action == batchv1.PodFailurePolicyActionFailJob && hopeless.OnExitCodes != nil && *hopeless.OnExitCodes.ContainerName == c.Name &&
		hopeless.OnExitCodes.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn && slices.Equal(hopeless.OnExitCodes.Values, []int32{2, 3}), "wrong usage fails the Job")
	memory, limit := c.Resources.Requests[corev1.ResourceMemory], c.Resources.Limits[corev1.ResourceMemory]
	must(memory.Cmp(limit) == 0 && memory.Value() >= 512<<20, "memory that is limited to what is requested")
	must(!c.Resources.Requests.Cpu().IsZero(), "CPUs")
	for _, m := range c.VolumeMounts {
		must(slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }), "volume "+m.Name)
	}
	volume := pod.Volumes[0].PersistentVolumeClaim
	must(volume != nil && volume.ClaimName != "" || strings.Contains(strings.Join(c.Args, " "), "--plan=s3://"), "a claim, or a store")
	for k, v := range job.Labels {
		must(spec.Template.Labels[k] == v, "the label "+k+" on the pods")
	}
	return errors.Join(errs...)
}

// TestGolden reads the manifests that the generator's own tests hold fixed.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("../testdata/kubernetes*/*.yaml")
	if err != nil || len(names) != 16 {
		t.Fatalf("%d manifests, %v", len(names), err)
	}
	for _, name := range names {
		job, err := read(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := yaml.Marshal(job)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decode(again); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The reader must be able to refuse.
	text, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{"completionMode", "completionmode"}, {"completions: ", "completions: x"}, {"spec:", "spec:\n  parallelism: 1"}} {
		if _, err := decode([]byte(strings.Replace(string(text), change[0], change[1], 1))); err == nil {
			t.Errorf("read with %q", change[1])
		}
	}
}

// cluster is a folder in which a fake kubectl keeps what it was given. Its
// pods are processes that are started as the kubelet starts a container.
type state struct {
	Job       string
	Condition string // Complete or Failed
	Pods      []podRun
	Evicted   bool // a pod was
}

type podRun struct {
	Index int
	Code  int
}

// kubectl understands what apply.sh says. It runs a Job when it is applied;
// CLUSTER is its folder, TOOL the program in the image, VOLUME the folder that
// is the volume. The first pod of the stage EVICT that is caught in the middle of
// its task is evicted: it gets SIGTERM there.
func kubectl(args []string) error {
	dir := os.Getenv("CLUSTER")
	if len(args) > 2 && args[0] == "--namespace" {
		args = args[2:]
	}
	file := func(job string) string { return filepath.Join(dir, job+".json") }
	load := func(job string) (s state, err error) {
		text, err := os.ReadFile(file(job))
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		return s, err
	}
	switch {
	case len(args) == 6 && args[0] == "get" && args[1] == "job" && args[3] == "--ignore-not-found":
		s, err := load(args[2])
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if s.Condition != "" {
			fmt.Print(map[string]string{"Complete": "SuccessCriteriaMet Complete", "Failed": "FailureTarget Failed"}[s.Condition])
		}
		return err
	case len(args) == 4 && args[0] == "delete" && args[1] == "job":
		return os.Remove(file(args[2]))
	case len(args) == 3 && args[0] == "describe":
		s, err := load(args[2])
		fmt.Printf("%+v\n", s)
		return err
	case len(args) == 3 && args[0] == "apply" && args[1] == "-f":
		job, err := read(args[2])
		if err != nil {
			return err
		}
		if _, err := os.Stat(file(job.Name)); err == nil {
			return fmt.Errorf("job %s exists", job.Name)
		}
		s := runJob(job)
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return os.WriteFile(file(job.Name), text, 0o666)
	}
	return fmt.Errorf("what is %q?", args)
}

// runJob does what the controller does with an Indexed Job: pods for every
// index, again after a failure, under the pod failure policy.
func runJob(job *batchv1.Job) state {
	s := state{Job: job.Name, Condition: "Complete"}
	for i := range int(*job.Spec.Completions) {
		failures := int32(0)
		for {
			code, evicted := runPod(job, i, s.Evicted)
			s.Pods = append(s.Pods, podRun{i, code})
			s.Evicted = s.Evicted || evicted
			if code == 0 {
				break
			}
			if evicted { // DisruptionTarget: Ignore
				continue
			}
			if slices.Contains(job.Spec.PodFailurePolicy.Rules[1].OnExitCodes.Values, int32(code)) {
				s.Condition = "Failed"
				return s
			}
			if failures++; failures > *job.Spec.BackoffLimitPerIndex {
				s.Condition = "Failed"
				break
			}
		}
	}
	return s
}

// command is the process of a container: the image's entry point with the
// manifest's arguments, environment and working folder, in which $(NAME) is
// expanded as the kubelet does, and paths of the volume lead to VOLUME.
func command(job *batchv1.Job, index int) *exec.Cmd {
	c := job.Spec.Template.Spec.Containers[0]
	mount := c.VolumeMounts[0].MountPath
	here := func(s string) string { return strings.ReplaceAll(s, mount+"/", os.Getenv("VOLUME")+"/") }
	var args []string
	for _, a := range c.Args {
		args = append(args, here(strings.ReplaceAll(a, "$$(", "$(")))
	}
	cmd := exec.Command(os.Getenv("TOOL"), args...)
	cmd.Dir = here(c.WorkingDir + "/")
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=" + job.Name, fmt.Sprintf("JOB_COMPLETION_INDEX=%d", index)}
	for _, e := range c.Env {
		cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
	}
	return cmd
}

// runPod runs the container of a pod to its end. One that is done before it is
// seen at its task, as on a busy machine, was not evicted.
func runPod(job *batchv1.Job, index int, evictedBefore bool) (code int, evicted bool) {
	cmd := command(job, index)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 128, false
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	stage := job.Labels["app.kubernetes.io/component"]
	if os.Getenv("EVICT") == stage && !evictedBefore {
		signalAtTask(cmd.Process, filepath.Join(os.Getenv("VOLUME"), "out/.work/running", stage+".*"), ended)
	}
	<-ended
	if code = cmd.ProcessState.ExitCode(); code != 0 {
		fmt.Fprintf(os.Stderr, "pod %d of %s: exit code %d\n%s", index, stage, code, &said)
	}
	return code, code == 130
}

// signalAtTask sends SIGTERM to a process once there is a lease of its task.
func signalAtTask(p *os.Process, lease string, ended <-chan struct{}) {
	for {
		if found, _ := filepath.Glob(lease); len(found) > 0 {
			p.Signal(syscall.SIGTERM)
			return
		}
		select {
		case <-ended:
			return
		case <-time.After(200 * time.Microsecond):
		}
	}
}

// tool runs tallystick, the program of the image.
func tool(t *testing.T, tool, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestApply runs apply.sh over a cluster of processes: a pod is evicted in the
// middle of its task, and the bytes are those of run.
func TestApply(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "tallystick")
	build := exec.Command("go", "build", "-o", program, "./cmd/tallystick")
	build.Dir = "../../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as in the Dockerfile
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	volume := filepath.Join(dir, "volume")
	if err := os.MkdirAll(filepath.Join(volume, "in"), 0o777); err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	for i := range 60_000 {
		k := i - i%10/9*5 // the tenth of ten repeats the fifth
		fmt.Fprintf(&lines, `{"id":"%d","contributor":"c%d","text":"%s number %d of a delivery, %x"}`+"\n", i, i%7, strings.Repeat("words about nothing ", 4+k%5), k, k*k*k)
	}
	if err := os.WriteFile(filepath.Join(volume, "in", "a.jsonl"), append(lines.Bytes(), "[]\n"...), 0o666); err != nil {
		t.Fatal(err)
	}
	args := []string{"in", "--tokenizer", "gpt2", "--shard-size", "2MB", "--decide-tasks", "3", "--quiet"}
	tool(t, program, volume, append([]string{"run", "--out", "whole", "--max-rejects", "1"}, args...)...)
	tool(t, program, volume, append([]string{"plan", "--out", "out"}, args...)...)
	generate := func(more ...string) {
		tool(t, program, volume, append([]string{"cluster", "kubernetes", "--plan", "out/plan.json", "--image", "registry.example/tallystick:1", "--claim", "corpus",
			"--out", filepath.Join(dir, "jobs"), "--cpus", "2", "--force"}, more...)...)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"bin", "cluster"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, filepath.Join(dir, "bin", "kubectl")); err != nil {
		t.Fatal(err)
	}
	apply := func() (string, error) {
		cmd := exec.Command(filepath.Join(dir, "jobs", "apply.sh"))
		cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "CLUSTER="+filepath.Join(dir, "cluster"),
			"TOOL="+program, "VOLUME="+volume, "EVICT=scan", "POLL=0.1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	// One line is no document, and none is allowed: seal says so at the end, and
	// is not tried again.
	generate()
	out, err := apply()
	if err == nil || !strings.Contains(out, "tally: done\n") || !strings.Contains(out, "seal failed:") || strings.Count(out, "pod 0 of seal: exit code 3") != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Count(out, "of scan: exit code 130") != 1 {
		t.Errorf("not one pod was evicted:\n%s", out)
	}
	generate("--max-rejects", "1", "--namespace", "nlp")
	out, err = apply()
	if err != nil || !strings.Contains(out, "scan: done before\n") || !strings.Contains(out, "seal: done\n") {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"manifest.json", "tally.parquet", "plan.json", "rejects.jsonl"} {
		want, err := os.ReadFile(filepath.Join(volume, "whole", name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(volume, "out", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from that of run (%v)", name, err)
		}
	}
	tool(t, program, volume, "verify", "out", "--inputs", "--quiet")
}

package cluster

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// KubernetesOptions are where the jobs run and what their pods are made of.
type KubernetesOptions struct {
	Size
	Image       string // of the container; its entry point is tallystick
	Claim       string // name of the persistent volume claim that holds inputs and output; empty: a store does
	Secret      string // whose keys are environment variables: credentials of a store; may be empty
	Mount       string // absolute path of that volume in the container
	Plan        string // absolute path of plan.json there
	Workdir     string // that relative paths of inputs start from, likewise
	Namespace   string // empty: that of kubectl's context
	Parallelism int    // pods of a stage that run at once; 0: 50
	Tokenizers  []string
	MaxRejects  int64
	StageArgs   []string
	User        int64 // that the container runs as; 0: the image's
	Timed       bool  // Size.Time is a limit to set; pods have none by themselves
}

const (
	// DefaultParallelism is how many pods of a stage run at once.
	DefaultParallelism = 50
	// mostIndexes is how many completions an Indexed Job may have, and
	// mostParallel how many of its pods may run at once.
	mostIndexes  = 100_000
	mostParallel = 100_000
)

// label is what a name of Kubernetes is made of (RFC 1123).
var label = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`) })

type kubernetesStage struct {
	Stage
	O KubernetesOptions
}

// JobName names the stage's Job: short enough for the names of its pods.
func (s kubernetesStage) JobName() string {
	return fmt.Sprintf("tallystick-%s-%s", s.RunID[:8], s.Name)
}

// Parallelism is how many pods of the stage run at once.
func (s kubernetesStage) Parallelism() int { return min(s.Jobs, s.O.Parallelism) }

// Seconds is the stage's time limit.
func (s kubernetesStage) Seconds() int64 { return int64(s.Time.Seconds()) }

// Args are those of the container.
func (s kubernetesStage) Args() []string {
	args := []string{"stage", string(s.Name), "--plan=" + s.O.Plan, fmt.Sprintf("--tasks-per-job=%d", s.PerJob), fmt.Sprintf("--workers=%d", s.CPUs), "--json-log"}
	if s.Bound > 0 {
		args = append(args, fmt.Sprintf("--memory=%d", s.Bound))
	}
	if s.Counts {
		for _, t := range s.O.Tokenizers {
			args = append(args, "--tokenizer="+t)
		}
	}
	if s.Deletes && s.O.MaxRejects > 0 {
		args = append(args, fmt.Sprintf("--max-rejects=%d", s.O.MaxRejects))
	}
	args = append(args, s.O.StageArgs...)
	for i, a := range args { // the kubelet expands $(NAME)
		args[i] = strings.ReplaceAll(a, "$(", "$$(")
	}
	return args
}

// Kubernetes returns a manifest for each stage, apply.sh, which applies them
// one after the other, and a Dockerfile for the image.
func Kubernetes(p plan.Plan, o KubernetesOptions) ([]File, []Stage, error) {
	stages, err := o.stages(p)
	if err != nil {
		return nil, nil, err
	}
	var files []File
	var all []kubernetesStage
	for _, s := range stages {
		k := kubernetesStage{s, o}
		f, err := fill(string(s.Name)+".yaml", 0o666, "stage.yaml", k)
		if err != nil {
			return nil, nil, err
		}
		files, all = append(files, f), append(all, k)
	}
	script, err := fill("apply.sh", 0o777, "apply.sh", all)
	if err != nil {
		return nil, nil, err
	}
	recipe, err := fill("Dockerfile", 0o666, "Dockerfile", nil)
	return append(files, script, recipe), stages, err
}

// stages cuts the tasks of a plan into pods. It sets what was not chosen, and
// refuses what Kubernetes would.
func (o *KubernetesOptions) stages(p plan.Plan) ([]Stage, error) {
	if o.MostJobs == 0 {
		o.MostJobs = DefaultMostJobs
	}
	if o.Parallelism == 0 {
		o.Parallelism = DefaultParallelism
	}
	if o.MostJobs > mostIndexes || o.Parallelism > mostParallel || o.Parallelism < 0 || o.MaxRejects < 0 || o.User < 0 {
		return nil, fmt.Errorf("%w: a Job of Kubernetes has at most %d indexes and %d pods at once", doc.ErrUsage, mostIndexes, mostParallel)
	}
	for what, name := range map[string]string{"claim": o.Claim, "secret": o.Secret, "namespace": o.Namespace} {
		if name != "" && !label().MatchString(name) {
			return nil, fmt.Errorf("%w: %s %q: a name of Kubernetes is made of a-z, 0-9, dots and dashes", doc.ErrUsage, what, name)
		}
	}
	if o.Image == "" || strings.ContainsAny(o.Image, " \t\n") {
		return nil, fmt.Errorf("%w: image %q: no name of an image", doc.ErrUsage, o.Image)
	}
	for _, c := range []struct{ what, path string }{{"the volume's path", o.Mount}, {"the plan", o.Plan}, {"the working folder", o.Workdir}} {
		if err := checkPath(c.what, c.path); err != nil {
			return nil, err
		}
	}
	if err := o.checkVolume(&p); err != nil {
		return nil, err
	}
	return Stages(p, o.Size)
}

// checkVolume refuses files that pods would not find.
func (o *KubernetesOptions) checkVolume(p *plan.Plan) error {
	names := []string{o.Plan}
	for _, f := range p.Files {
		names = append(names, f.Path)
	}
	for _, name := range names {
		switch {
		case IsObject(name):
		case o.Claim == "":
			return fmt.Errorf("%w: %s is in no store: a volume must hold it, so name its claim", doc.ErrUsage, name)
		case path.IsAbs(name) && !within(o.Mount, name):
			return fmt.Errorf("%w: %s is not on the volume, which is at %s; plan with paths that are relative to a folder of it", doc.ErrUsage, name, o.Mount)
		}
	}
	return nil
}

// within reports whether the path name is below the folder dir.
func within(dir, name string) bool {
	dir, name = path.Clean(dir), path.Clean(name)
	return dir == "/" || strings.HasPrefix(name, dir+"/")
}

// jsonQuote makes s a JSON string, which is one of YAML too.
func jsonQuote(s string) (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}

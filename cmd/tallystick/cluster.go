package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/tallystick/tallystick/engine/cluster"
	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/estimate"
	"github.com/tallystick/tallystick/engine/folder"
	"github.com/tallystick/tallystick/engine/plan"
	"github.com/tallystick/tallystick/engine/task"
)

type clusterCmd struct {
	Slurm      slurmCmd      `cmd:"" help:"Write sbatch scripts: an array of jobs for each stage."`
	Kubernetes kubernetesCmd `cmd:"" help:"Write manifests: an Indexed Job for each stage."`
	Argo       argoCmd       `cmd:"" help:"Write a WorkflowTemplate of Argo Workflows: the stages as one workflow."`
}

// jobFlags are those of every scheduler.
type jobFlags struct {
	PlanFile   string   `name:"plan" required:"" placeholder:"FILE" help:"The plan.json in the output folder."`
	Out        string   `required:"" placeholder:"DIR" help:"Folder for the files of the jobs; must be empty or new."`
	Force      bool     `help:"Replace the files of jobs in the folder; others stay."`
	PerJob     natural  `name:"tasks-per-job" placeholder:"N" help:"Tasks of a job of scan, match and tally (default: as many as CPUs, or as make no more than --most-jobs jobs; of decide one)."`
	MostJobs   natural  `default:"1000" placeholder:"N" help:"Most jobs of a stage (default: 1000)."`
	CPUs       natural  `name:"cpus" default:"4" placeholder:"N" help:"CPUs of a job; so many tasks run at once in it (default: 4)."`
	Mem        byteSize `placeholder:"SIZE" help:"Memory of a job (default: from the plan's estimate, else a guess, for each stage)."`
	Time       string   `placeholder:"LIMIT" help:"Time limit of a job, such as 90m, 2:00:00 or 1-12 (default: likewise)."`
	MaxRejects natural  `default:"0" placeholder:"N" help:"Seal exits with 3 if more lines than this were rejected (default: 0)."`
	Tokenizer  []string `sep:"none" placeholder:"[NAME=]FILE" help:"Where the plan's tokenizer is for the jobs, if not where it was; as in stage."`
	StageArg   []string `sep:"none" placeholder:"OPTION" help:"A further option of \"tallystick stage\" for all jobs, such as --stage-arg=--parser=simdjson."`

	estimated bool // set by size: the plan has an estimate
}

func (f *jobFlags) size(p *plan.Plan) (cluster.Size, error) {
	s := cluster.Size{
		TasksPerJob: int(min(f.PerJob, 1<<30)), CPUs: int(min(f.CPUs, 1<<20)), Memory: int64(f.Mem), MostJobs: int(min(f.MostJobs, 1<<30)),
	}
	if f.CPUs == 0 || f.MostJobs == 0 {
		return s, fmt.Errorf("%w: a job has at least one CPU, and a stage at least one job", doc.ErrUsage)
	}
	e, found, err := estimate.Load(f.PlanFile, p)
	if err != nil {
		return s, err
	}
	if f.estimated = found; found {
		s.Estimate = &e
	}
	if f.Time != "" {
		var err error
		if s.Time, err = cluster.ParseTime(f.Time); err != nil {
			return s, err
		}
	}
	return s, nil
}

// write writes the files of jobs, and says what there is to submit.
func (f *jobFlags) write(env *environment, files []cluster.File, stages []cluster.Stage, next string) error {
	entries, err := os.ReadDir(f.Out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: output folder: %v", doc.ErrUsage, err)
	}
	if len(entries) > 0 && !f.Force {
		return fmt.Errorf("%w: output folder %s is not empty (--force replaces the files of jobs in it)", doc.ErrUsage, f.Out)
	}
	if err := os.MkdirAll(filepath.Join(f.Out, "logs"), 0o777); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	// A stage that has no tasks any more must not leave its old jobs to be submitted,
	// and a file that is only written over keeps its mode.
	for _, name := range jobFiles() {
		if err := os.Remove(filepath.Join(f.Out, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("output folder: %w", err)
		}
	}
	for _, file := range files {
		name := filepath.Join(f.Out, file.Name)
		if err := os.WriteFile(name, file.Data, file.Mode); err != nil {
			return fmt.Errorf("output folder: %w", err)
		}
	}
	if env.output.Quiet {
		return nil
	}
	if err := cluster.WriteTable(env.stdout, stages); err != nil {
		return err
	}
	from := "from the plan's estimate"
	if !f.estimated {
		from = "guessed from the size of the inputs (tallystick plan --estimate knows more)"
	}
	if f.Mem == 0 || f.Time == "" {
		fmt.Fprintf(env.stdout, "\nmemory and limits are %s\n", from)
	}
	_, err = fmt.Fprintf(env.stdout, "\nrun %s\n", next)
	return err
}

// jobFiles are the names of all files that jobs can have.
func jobFiles() []string {
	names := []string{"submit.sh", "apply.sh", "workflow.yaml", "Dockerfile"}
	for _, name := range task.Order {
		names = append(names, string(name)+".sbatch", string(name)+".yaml")
	}
	return names
}

type slurmCmd struct {
	jobFlags
	Partition  string   `placeholder:"NAME" help:"Partition to run in."`
	Account    string   `placeholder:"NAME" help:"Account to charge."`
	ArrayLimit natural  `placeholder:"N" help:"Most jobs of a stage that run at once (default: no limit)."`
	Sbatch     []string `sep:"none" placeholder:"OPTION" help:"A further option of sbatch, such as --sbatch=--qos=low."`
	Binary     string   `placeholder:"FILE" help:"Where tallystick is on the nodes (default: this program)."`
	Workdir    string   `placeholder:"DIR" help:"Where relative paths of the plan's inputs start from (default: this folder)."`
}

// Help is shown by "tallystick cluster slurm --help".
func (*slurmCmd) Help() string {
	return `Writes a script for sbatch for each stage (scan.sbatch … seal.sbatch) and submit.sh,
which submits them so that each waits for the one before it. Jobs that are killed,
preempted or requeued do what is not done yet; submit.sh itself can be repeated. The
nodes must see the inputs, the output folder and the program under the same paths.
Run this in the folder where "tallystick plan" ran, or name it with --workdir.

Examples:
  tallystick plan corpus/ --tokenizer gpt2 --out out --estimate
  tallystick cluster slurm --plan out/plan.json --out jobs --partition batch
  jobs/submit.sh
  tallystick status out
  tallystick cluster slurm --plan out/plan.json --out jobs --cpus 16 --mem 32GiB \
      --time 4:00:00 --array-limit 50 --account nlp --sbatch=--qos=low

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`
}

// Run writes the files.
func (c *slurmCmd) Run(env *environment) error {
	p, err := folder.LoadPlan(c.PlanFile)
	if err != nil {
		return err
	}
	o := cluster.SlurmOptions{
		Binary: c.Binary, Plan: c.PlanFile, Workdir: c.Workdir, Jobs: c.Out, Tokenizers: c.Tokenizer,
		Partition: c.Partition, Account: c.Account, ArrayLimit: int(min(c.ArrayLimit, 1<<30)), MaxRejects: int64(c.MaxRejects), Sbatch: c.Sbatch,
		StageArgs: c.StageArg,
	}
	if o.Size, err = c.size(&p); err != nil {
		return err
	}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program (or name it with --binary): %w", err)
		}
	}
	for _, name := range []*string{&o.Plan, &o.Workdir, &o.Jobs} {
		if cluster.IsObject(*name) {
			continue
		}
		if *name, err = filepath.Abs(*name); err != nil {
			return err
		}
	}
	if err := findInputs(p, o.Workdir); err != nil {
		return err
	}
	files, stages, err := cluster.Slurm(p, o)
	if err != nil {
		return err
	}
	return c.write(env, files, stages, cluster.ShellQuote(filepath.Join(c.Out, "submit.sh")))
}

// podFlags are those of every scheduler that runs pods.
type podFlags struct {
	jobFlags
	Image       string  `required:"" placeholder:"NAME" help:"Image of the jobs, whose entry point is tallystick (see the Dockerfile written)."`
	Claim       string  `placeholder:"NAME" help:"Persistent volume claim with the inputs and the output folder (ReadWriteMany); not needed where all are in a store."`
	Secret      string  `placeholder:"NAME" help:"Secret whose keys are environment variables of the pods: credentials of a store."`
	Mount       string  `default:"/data" placeholder:"PATH" help:"Where the pods mount it (default: /data)."`
	Volume      string  `default:"." placeholder:"DIR" help:"The folder that is that volume here (default: this folder)."`
	Workdir     string  `default:"." placeholder:"DIR" help:"Where relative paths of the plan's inputs start from, here (default: this folder)."`
	Namespace   string  `placeholder:"NAME" help:"Namespace of the jobs (default: that of kubectl's context)."`
	Parallelism natural `default:"50" placeholder:"N" help:"Most pods of a stage that run at once (default: 50)."`
	User        natural `placeholder:"UID" help:"User and group that may write to the volume (default: the image's, 65532)."`
}

// podHelp is what the help of all of them ends with: options are further ones of
// the first example, submit is what runs its jobs.
func podHelp(name, options, submit string) string {
	return fmt.Sprintf(`Examples:
  cd /mnt/corpus                    # the volume of the claim "corpus"
  tallystick plan in/ --tokenizer gpt2 --out out --estimate
  tallystick cluster %[1]s --plan out/plan.json --out jobs %[2]s\
      --image registry.example/tallystick:1 --claim corpus
  %[3]s
  tallystick status out
  tallystick cluster %[1]s --plan s3://corpora/out/plan.json --out jobs \
      --image registry.example/tallystick:1 --secret s3-credentials

Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`, name, options, submit)
}

// run writes the files made of the plan, and says what there is to do next.
func (c *podFlags) run(env *environment, files func(plan.Plan, cluster.KubernetesOptions) ([]cluster.File, []cluster.Stage, error), next func(plan.Plan) string) error {
	p, o, err := c.options()
	if err != nil {
		return err
	}
	made, stages, err := files(p, o)
	if err != nil {
		return err
	}
	return c.write(env, made, stages, next(p))
}

type kubernetesCmd struct {
	podFlags
}

// Help is shown by "tallystick cluster kubernetes --help".
func (*kubernetesCmd) Help() string {
	return `Writes a manifest for each stage (scan.yaml … seal.yaml), each an Indexed Job whose
pods do a share of the tasks, a Dockerfile for the image, and apply.sh, which applies
the stages one after the other and waits for each. Pods that are killed or evicted are
replaced; apply.sh itself can be repeated. Inputs and output folder are on one volume,
or in a store. Run this in the folder where "tallystick plan" ran, which must be on the
volume.

` + podHelp("kubernetes", "", "jobs/apply.sh")
}

// Run writes the files.
func (c *kubernetesCmd) Run(env *environment) error {
	return c.run(env, cluster.Kubernetes, func(plan.Plan) string { return cluster.ShellQuote(filepath.Join(c.Out, "apply.sh")) })
}

type argoCmd struct {
	podFlags
	Binary         string `default:"/usr/local/bin/tallystick" placeholder:"FILE" help:"Where tallystick is in the image (default: /usr/local/bin/tallystick, as in the Dockerfile written)."`
	ServiceAccount string `placeholder:"NAME" help:"Service account of the pods, which must be allowed what Argo's executor needs (default: the namespace's)."`
}

// Help is shown by "tallystick cluster argo --help".
func (*argoCmd) Help() string {
	return `Writes workflow.yaml, a WorkflowTemplate of Argo Workflows, and a Dockerfile for the
image. Every stage is a task of its DAG and waits for the one before it; a sequence
makes its pods, which do a share of the tasks each. Pods that fail or are evicted are
tried again, and another workflow of the template does what is not done yet. Otherwise
it is as "tallystick cluster kubernetes": inputs and output folder are on one volume, or
in a store; run this in the folder where "tallystick plan" ran, which must be on the
volume.

` + podHelp("argo", "--service-account argo ", `kubectl apply -f jobs/workflow.yaml
  argo submit --from workflowtemplate/tallystick-0123abcd --watch    # named above`)
}

// Run writes the files.
func (c *argoCmd) Run(env *environment) error {
	files := func(p plan.Plan, o cluster.KubernetesOptions) ([]cluster.File, []cluster.Stage, error) {
		return cluster.Argo(p, cluster.ArgoOptions{KubernetesOptions: o, Binary: c.Binary, ServiceAccount: c.ServiceAccount})
	}
	return c.run(env, files, func(p plan.Plan) string {
		namespace := ""
		if c.Namespace != "" {
			namespace = " --namespace " + c.Namespace
		}
		return fmt.Sprintf("kubectl apply -f %s && argo submit%s --from workflowtemplate/%s --watch", cluster.ShellQuote(filepath.Join(c.Out, "workflow.yaml")), namespace, cluster.WorkflowName(p))
	})
}

// options loads the plan, and says how its pods are to be.
func (c *podFlags) options() (plan.Plan, cluster.KubernetesOptions, error) {
	o := cluster.KubernetesOptions{
		Image: c.Image, Claim: c.Claim, Secret: c.Secret, Mount: c.Mount, Namespace: c.Namespace, Parallelism: int(min(c.Parallelism, 1<<30)), Tokenizers: c.Tokenizer,
		MaxRejects: int64(c.MaxRejects), StageArgs: c.StageArg, User: int64(c.User), Timed: c.Time != "",
	}
	p, err := folder.LoadPlan(c.PlanFile)
	if err != nil {
		return p, o, err
	}
	if o.Size, err = c.size(&p); err != nil {
		return p, o, err
	}
	if o.Plan = c.PlanFile; !cluster.IsObject(o.Plan) {
		if o.Plan, err = c.inPod(o.Plan); err != nil {
			return p, o, err
		}
	}
	if o.Workdir = "/tmp"; c.Claim != "" {
		if o.Workdir, err = c.inPod(c.Workdir); err != nil {
			return p, o, err
		}
	}
	return p, o, findInputs(p, c.Workdir)
}

// inPod returns the path that a file here has in a pod.
func (c *podFlags) inPod(name string) (string, error) {
	volume, err := filepath.Abs(c.Volume)
	if err != nil {
		return "", err
	}
	if name, err = filepath.Abs(name); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(volume, name)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%w: %s is not below %s; name the folder that is the volume here with --volume", doc.ErrUsage, name, volume)
	}
	return path.Join(c.Mount, filepath.ToSlash(rel)), nil
}

// findInputs looks for the first input where jobs will: every path of a plan
// starts in one folder. Of standard input a copy is in the output folder.
func findInputs(p plan.Plan, workdir string) error {
	if len(p.Files) == 0 || p.Files[0].Path == "-" || cluster.IsObject(p.Files[0].Path) {
		return nil
	}
	name := filepath.FromSlash(p.Files[0].Path)
	if !filepath.IsAbs(name) {
		name = filepath.Join(workdir, name)
	}
	if _, err := os.Stat(name); err != nil {
		return fmt.Errorf("%w: the plan's input %s is not to be found from %s; name the folder where \"tallystick plan\" ran with --workdir", doc.ErrUsage, p.Files[0].Path, workdir)
	}
	return nil
}

package cluster

import (
	"fmt"
	"path"
	"strings"

	"github.com/tallystick/tallystick/engine/doc"
	"github.com/tallystick/tallystick/engine/plan"
)

// ArgoOptions are those of Kubernetes, and what Argo Workflows wants to know.
type ArgoOptions struct {
	KubernetesOptions
	Binary         string // absolute path of tallystick in the image
	ServiceAccount string // of the pods, which tell Argo their results; empty: the namespace's default
}

// retries of a pod, the evicted ones among them: Argo counts them alike.
const retries = 5

type argoStage struct {
	kubernetesStage
	O     ArgoOptions
	After string // the stage before; empty for the first
}

// WorkflowName is the name of the plan's WorkflowTemplate.
func WorkflowName(p plan.Plan) string { return "tallystick-" + p.RunID[:8] }

// WorkflowName as in the function.
func (s argoStage) WorkflowName() string { return WorkflowName(plan.Plan{RunID: s.RunID}) }

// Retries of a pod.
func (argoStage) Retries() int { return retries }

// Args are those of a container whose share the workflow names.
func (s argoStage) Args() []string {
	return append(s.kubernetesStage.Args(), "--task={{inputs.parameters.job}}")
}

// Argo returns a WorkflowTemplate of Argo Workflows with a template for each
// stage, and a Dockerfile for the image.
func Argo(p plan.Plan, o ArgoOptions) ([]File, []Stage, error) {
	stages, err := o.stages(p)
	if err != nil {
		return nil, nil, err
	}
	if o.ServiceAccount != "" && !label().MatchString(o.ServiceAccount) {
		return nil, nil, fmt.Errorf("%w: service account %q: a name of Kubernetes is made of a-z, 0-9, dots and dashes", doc.ErrUsage, o.ServiceAccount)
	}
	if !path.IsAbs(o.Binary) {
		return nil, nil, fmt.Errorf("%w: the program %q is no absolute path", doc.ErrUsage, o.Binary)
	}
	for _, texts := range [][]string{{o.Image, o.Mount, o.Plan, o.Workdir, o.Binary}, o.Tokenizers, o.StageArgs} {
		for _, s := range texts {
			if strings.Contains(s, "{{") {
				return nil, nil, fmt.Errorf("%w: %q: Argo takes {{ for the beginning of a variable", doc.ErrUsage, s)
			}
		}
	}
	var all []argoStage
	for i, s := range stages {
		a := argoStage{kubernetesStage: kubernetesStage{s, o.KubernetesOptions}, O: o}
		if i > 0 {
			a.After = string(stages[i-1].Name)
		}
		all = append(all, a)
	}
	workflow, err := fill("workflow.yaml", 0o666, "workflow.yaml", all)
	if err != nil {
		return nil, nil, err
	}
	recipe, err := fill("Dockerfile", 0o666, "Dockerfile", nil)
	return []File{workflow, recipe}, stages, err
}

// Argo CD's own code without its servers: it applies an object as Argo CD's controller does, and says what that would
// make of the object that there is, its health and whether it is in sync.
//
// It reads requests from the standard input, one JSON value each, and writes an answer to each, until the input ends.
// Settings come from the ConfigMap argocd-cm of the namespace argocd, as they do in Argo CD.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"os"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"github.com/go-logr/logr"
	"github.com/sirupsen/logrus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/util/openapi"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
)

const application = "packages"

type request struct {
	// Apply is how an Application has its objects applied, "client" or "server"; empty when nothing is to be applied.
	Apply string `json:"apply"`
	// Desired is the object as Git has it, with its namespace.
	Desired *unstructured.Unstructured `json:"desired"`
	// Live is the object as the API server has it.
	Live *unstructured.Unstructured `json:"live"`
}

type answer struct {
	Applied string               `json:"applied,omitempty"`
	Health  *health.HealthStatus `json:"health,omitempty"`
	// Sync is the outcome of each of the three ways in which an Application may compare.
	Sync  map[string]comparison `json:"sync,omitempty"`
	Error string                `json:"error,omitempty"`
}

type comparison struct {
	Status v1alpha1.SyncStatusCode `json:"status"`
	// Patch would change the object that there is into what Git wants.
	Patch json.RawMessage `json:"patch"`
}

type controller struct {
	settings *settings.SettingsManager
	kubectl  *kube.KubectlCmd
	config   *rest.Config
	schemas  openapi.Resources
	parser   *managedfields.GvkParser
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "an administrator's kubeconfig")
	flag.Parse()
	logrus.SetLevel(logrus.WarnLevel)
	c := start(*kubeconfig)
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var asked request
		err := in.Decode(&asked)
		if errors.Is(err, io.EOF) {
			return
		}
		check(err)
		told, err := c.answer(asked)
		if err != nil {
			told.Error = err.Error()
		}
		check(out.Encode(told))
	}
}

func start(kubeconfig string) *controller {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	check(err)
	client, err := kubernetes.NewForConfig(config)
	check(err)
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	schemas, parser, err := kubectl.LoadOpenAPISchema(config)
	check(err)
	manager := settings.NewSettingsManager(context.Background(), client, "argocd")
	return &controller{manager, kubectl, config, schemas, parser}
}

func (c *controller) answer(asked request) (told answer, err error) {
	if asked.Desired != nil {
		if err = c.track(asked.Desired); err != nil {
			return told, err
		}
	}
	if asked.Apply != "" {
		told.Applied, err = c.apply(asked.Desired, asked.Apply == "server")
		return told, err
	}
	overrides, err := c.settings.GetResourceOverrides()
	if err != nil {
		return told, err
	}
	if told.Health, err = health.GetResourceHealth(asked.Live, lua.ResourceHealthOverrides(overrides)); err != nil {
		return told, err
	}
	if asked.Desired != nil {
		told.Sync, err = c.compare(asked.Desired, asked.Live, overrides)
	}
	return told, err
}

// track marks an object from Git as one of the Application's.
func (c *controller) track(object *unstructured.Unstructured) error {
	label, err := c.settings.GetAppInstanceLabelKey()
	if err != nil {
		return err
	}
	method, err := c.settings.GetTrackingMethod()
	if err != nil {
		return err
	}
	tracking := v1alpha1.TrackingMethod(method)
	return argo.NewResourceTracking().SetAppInstance(object, label, application, object.GetNamespace(), tracking, "")
}

func (c *controller) apply(object *unstructured.Unstructured, serverSide bool) (string, error) {
	operations, remove, err := c.kubectl.ManageResources(c.config, c.schemas)
	if err != nil {
		return "", err
	}
	defer remove()
	ctx := context.Background()
	return operations.ApplyResource(ctx, object, cmdutil.DryRunNone, false, true, serverSide, common.ArgoCDSSAManager)
}

func (c *controller) compare(
	desired, live *unstructured.Unstructured, overrides map[string]v1alpha1.ResourceOverride,
) (map[string]comparison, error) {
	dryRuns, remove, err := kube.ManageServerSideDiffDryRuns(c.config, c.schemas, tracing.NopTracer{}, logr.Discard(), nil)
	if err != nil {
		return nil, err
	}
	defer remove()
	ways := map[string]func(*argodiff.DiffConfigBuilder){
		"three-way":         func(*argodiff.DiffConfigBuilder) {},
		"server-side-apply": func(to *argodiff.DiffConfigBuilder) { to.WithStructuredMergeDiff(true) },
		"server-side-diff": func(to *argodiff.DiffConfigBuilder) {
			to.WithServerSideDiff(true).WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(dryRuns))
		},
	}
	label, err := c.settings.GetAppInstanceLabelKey()
	if err != nil {
		return nil, err
	}
	method, err := c.settings.GetTrackingMethod()
	if err != nil {
		return nil, err
	}
	options, err := c.settings.GetResourceCompareOptions()
	if err != nil {
		return nil, err
	}
	found := map[string]comparison{}
	for way, set := range ways {
		builder := argodiff.NewDiffConfigBuilder().
			WithDiffSettings(nil, overrides, options.IgnoreAggregatedRoles, normalizers.IgnoreNormalizerOpts{}).
			WithTracking(label, method).
			WithNoCache().
			WithGVKParser(c.parser).
			WithManager(common.ArgoCDSSAManager)
		set(builder)
		built, err := builder.Build()
		if err != nil {
			return nil, err
		}
		result, err := argodiff.StateDiff(live, desired, built)
		if err != nil {
			return nil, err
		}
		if found[way], err = outcome(result); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func outcome(result diff.DiffResult) (comparison, error) {
	status := v1alpha1.SyncStatusCodeSynced
	if result.Modified {
		status = v1alpha1.SyncStatusCodeOutOfSync
	}
	patch, err := jsonpatch.CreateMergePatch(result.NormalizedLive, result.PredictedLive)
	return comparison{status, patch}, err
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

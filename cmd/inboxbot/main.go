// Command inboxbot answers X direct messages for a team, through the Inbox API
// and any OpenAI-compatible model, and hands to a person what a person should
// answer.
//
// Start reading at run in this file for the command line, at wire in wire.go for
// how the parts come together, and at package bot for what the bot does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// version and commit are set by the linker.
var (
	version = "dev"
	commit  = ""
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit statuses, a contract with scripts.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // the command line or the configuration is wrong
)

// cli is the command line.
type cli struct {
	Run         runCmd         `cmd:"" help:"Run the bot: answer or hand over every thread that waits."`
	Demo        demoCmd        `cmd:"" help:"The same bot with everything embedded. Needs no account, key or network."`
	Check       checkCmd       `cmd:"" help:"Read rules and prompts and print every problem."`
	Explain     explainCmd     `cmd:"" help:"Show how one thread would be handled. Nothing is sent."`
	Replay      replayCmd      `cmd:"" help:"Show what rules and prompts would have done with past conversations. Nothing is sent."`
	Publish     publishCmd     `cmd:"" help:"Check rules and prompts and put them in force, through Redis, for every process with BOT_SOURCE=redis."`
	Generations generationsCmd `cmd:"" help:"List who put which rules and prompts in force."`
	Rollback    rollbackCmd    `cmd:"" help:"Put an earlier generation of rules and prompts in force again."`
	Diff        diffCmd        `cmd:"" help:"Show what changed between two generations, or would with a directory."`
	Drafts      draftsCmd      `cmd:"" help:"List the drafts that wait for approval, or decide about one."`
	Pause       pauseCmd       `cmd:"" help:"Stop every process of the bot from sending. What is begun finishes."`
	Resume      resumeCmd      `cmd:"" help:"Take pause back."`
	Env         envCmd         `cmd:"" help:"Print the names that expressions in the rule file may use."`
	Schema      schemaCmd      `cmd:"" help:"Print the JSON Schema of the rule file, for editors."`
	Log         logCmd         `cmd:"" help:"Show what the bot decided and why."`
	Shadow      shadowCmd      `cmd:"" help:"Show how often a bot in BOT_MODE=shadow would have done and said what people did."`
	Forget      forgetCmd      `cmd:"" help:"Erase what the bot keeps of a person, and prove it."`
	Sim         simCmd         `cmd:"" help:"Serve the simulated Inbox API alone."`
	Dashboards  dashboardsCmd  `cmd:"" help:"Write a Grafana dashboard and Prometheus alert rules."`
	Version     versionCmd     `cmd:"" help:"Print version, commit and Go version."`
	Healthcheck healthcheckCmd `cmd:"" hidden:"" help:"Ask a running bot on this machine whether it is alive."`
}

// process is what a command may touch of the outside.
type process struct {
	environ []string
	stdout  io.Writer
	stderr  io.Writer
}

// run is the program with everything handed in; it returns the exit status.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c,
		kong.Name("inboxbot"),
		kong.Description("Answers X direct messages for a team and hands to a person what a person should answer."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(&process{environ, stdout, stderr}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "inboxbot:", err) // unreachable: the command line's own definition
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err == nil {
		err = parsed.Run()
	}
	return status(err, stderr)
}

// status prints an error and turns it into an exit status.
func status(err error, stderr io.Writer) int {
	var usage *kong.ParseError
	var config *configError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "inboxbot: %v\nRun inboxbot --help for the commands.\n", err)
		return exitUsage
	case errors.As(err, &config):
		fmt.Fprintln(stderr, config)
		return exitUsage
	case errors.Is(err, context.Canceled):
		err = errors.New("stopped before it was done")
	}
	fmt.Fprintln(stderr, "inboxbot:", err)
	return exitFailed
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(p *process) error {
	rev := commit
	if info, ok := debug.ReadBuildInfo(); ok && rev == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				rev = s.Value
			}
		}
	}
	if rev == "" {
		rev = "unknown"
	}
	_, err := fmt.Fprintf(p.stdout, "inboxbot %s\ncommit %s\n%s %s/%s\n", version, rev, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

type healthcheckCmd struct{}

// Run exits 0 when the bot that listens on BOT_HTTP_ADDR is alive.
func (healthcheckCmd) Run(ctx context.Context, p *process) error {
	cfg, _ := readConfig(ctx, p.environ, 0) // what else is wrong is not this command's to judge
	return healthcheck(ctx, cfg.HTTPAddr)
}

//! What can be typed after `certplan`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};

use super::batch_arguments::{BatchArguments, ForecastArguments, ListArguments, RecapFormat, jobs};
use super::sandbox_arguments::SandboxArguments;

/// Declarative plans for TLS certificates: ordered once, resumed anywhere, proved on arrival
#[derive(Debug, Parser)]
#[command(name = "certplan", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,

    /// Show what is sent and decided; twice for more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a plan: order a certificate, prove it, put it on disk
    Run(RunArguments),
    /// Go on with a run that stopped, under the same certificate id
    Resume(ResumeArguments),
    /// Settle what became of an order that is in doubt
    Adopt(AdoptArguments),
    /// End a run on our side; what the vendor has of it stays as it is
    Cancel(CancelArguments),
    /// Find validation records of ours that nothing needs any more; delete them when asked
    Gc(GcArguments),
    /// Stop all runs before their next request, in every process; nothing is lost
    Pause(PauseArguments),
    /// Let the runs that `pause` has stopped go on
    Unpause(UnpauseArguments),
    /// List the runs and where they stand
    Status(StatusArguments),
    /// List the certificates: when each ends, and what comes next
    List(ListArguments),
    /// Show one run: its steps, and what happened when
    Show(ShowArguments),
    /// Explain in words where a run stands, whose turn it is, and what was decided why
    Explain(ExplainArguments),
    /// Print the recorded events of a run as JSON lines
    Events(EventsArguments),
    /// Check plans and inventories; show every mistake with its place
    Check(CheckArguments),
    /// Play the test cases of plans in imitated worlds: no network, no money, no waiting
    Test(TestArguments),
    /// Write a commented plan or inventory to start from
    Init(InitArguments),
    /// List what steps can do, or explain one action
    Actions(ActionsArguments),
    /// Print the JSON Schema of plans or inventories, for editors
    Schema(SchemaArguments),
    /// Look whether state file, runs, keys and certificates are whole
    Doctor(DoctorArguments),
    /// Make the former set of certificate files in a folder the current one again
    Rollback(RollbackArguments),
    /// Show what a run would do: every request, what is bought, what is not known yet
    Preview(PreviewArguments),
    /// Draw a plan, or a run with the state of each step
    Graph(GraphArguments),
    /// Serve an imitation of the regfish API, with a CA and a DNS server, on loopback
    Sandbox(SandboxArguments),
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// The plan file; with an inventory, the plan of targets that name none
    #[arg(required_unless_present = "inventory")]
    pub(super) plan: Option<PathBuf>,

    /// Give an input of the plan a value
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub(super) inputs: Vec<String>,

    /// Name the target; by default it is the plan's input `common_name`
    #[arg(long, value_name = "NAME")]
    pub(super) target: Option<String>,

    /// Run against an embedded sandbox: no network, no money, no waiting
    #[arg(long)]
    pub(super) sandbox: bool,

    /// In the sandbox, too, really run programs, send requests to other servers and ask what they
    /// serve; without it these steps do nothing and succeed, except requests with `captures`,
    /// `until` or `fail_if`, which fail for want of an answer (`certplan test` gives one with
    /// `imitate`)
    #[arg(long, requires = "sandbox")]
    pub(super) really_act: bool,

    /// The scenario of the embedded sandbox: what is there at first, what goes wrong
    #[arg(long, value_name = "FILE", requires = "sandbox")]
    pub(super) sandbox_scenario: Option<PathBuf>,

    /// Start a new run although there is one for this plan and target; may order once more, and asks
    /// first where an order is still under way. With an inventory `--again=TARGETS` says for which:
    /// names, globs and groups, as for `--limit`
    #[arg(
        long,
        value_name = "TARGETS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    pub(super) again: Option<String>,

    #[command(flatten)]
    pub(super) batch: BatchArguments,

    #[command(flatten)]
    pub(super) metrics: MetricsArguments,

    #[command(flatten)]
    pub(super) wait: WaitArguments,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("several").multiple(true).args(["all", "parked", "failed", "batch"])))]
pub(super) struct ResumeArguments {
    /// The run, or the beginning of its id; without it, the runs that can go on are listed
    #[arg(conflicts_with_all = ["all", "parked", "failed", "batch"])]
    pub(super) run: Option<String>,

    /// Only runs of this batch; without `--failed` or `--parked` all of them that can go on
    #[arg(long, value_name = "ID")]
    pub(super) batch: Option<String>,

    /// Go on with every run that has not succeeded
    #[arg(long, conflicts_with_all = ["parked", "failed"])]
    pub(super) all: bool,

    /// Go on with every run that is parked
    #[arg(long)]
    pub(super) parked: bool,

    /// Go on with every run that failed
    #[arg(long)]
    pub(super) failed: bool,

    /// Of several runs: send no more than so many orders; what would order beyond is held back
    #[arg(long, value_name = "N", requires = "several")]
    pub(super) max_orders: Option<usize>,

    /// Of several runs: begin in waves, as with `certplan run`; with `--batch` as that batch did,
    /// unless something else is said here
    #[arg(long, value_name = "SIZES", requires = "several", value_delimiter = ',')]
    pub(super) serial: Vec<String>,

    /// Of several runs: how many may fail before nothing more is ordered; the same holds for
    /// `--batch`
    #[arg(long, value_name = "N|N%", requires = "several")]
    pub(super) max_failures: Option<String>,

    /// Of several runs: requests and key generations under way at the same time; runs that wait do
    /// not count
    #[arg(long, value_name = "N", requires = "several", value_parser = jobs)]
    pub(super) jobs: Option<usize>,

    /// Of several runs: write what became of each in another form
    #[arg(long, value_name = "FORM", requires = "several", value_enum)]
    pub(super) recap: Option<RecapFormat>,

    /// Of several runs: order without asking, however many certificates it is
    #[arg(long, requires = "several")]
    pub(super) yes: bool,

    /// For runs in the embedded sandbox: really run programs, send requests to other servers and
    /// ask what they serve
    #[arg(long)]
    pub(super) really_act: bool,

    /// Steps that are not done follow the plan file as it is now
    #[arg(long)]
    pub(super) use_current_plan: bool,

    #[command(flatten)]
    pub(super) metrics: MetricsArguments,

    #[command(flatten)]
    pub(super) wait: WaitArguments,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("settlement").required(true).args(["certificate_id", "none"])))]
pub(super) struct AdoptArguments {
    /// The run, or the beginning of its id
    pub(super) run: String,

    /// The certificate that the order became
    #[arg(long, value_name = "ID")]
    pub(super) certificate_id: Option<String>,

    /// The order never came to be: a resumed run orders anew
    #[arg(long)]
    pub(super) none: bool,

    /// Do not ask for confirmation
    #[arg(long, requires = "none")]
    pub(super) yes: bool,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct CancelArguments {
    /// The run, or the beginning of its id
    pub(super) run: String,

    /// Why, for whoever looks at the run later
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,

    /// Do not ask for confirmation
    #[arg(long)]
    pub(super) yes: bool,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct GcArguments {
    /// Delete what is left over, after a confirmation; without it the records are only shown
    #[arg(long)]
    pub(super) delete: bool,

    /// Delete also records of runs that this state folder does not know, and that no open order asks for
    #[arg(long, requires = "delete")]
    pub(super) unknown: bool,

    /// Do not ask for confirmation
    #[arg(long, requires = "delete")]
    pub(super) yes: bool,

    /// Look into the embedded sandbox instead of the real zones
    #[arg(long)]
    pub(super) sandbox: bool,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct PauseArguments {
    /// Tell the others why
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: Option<String>,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct UnpauseArguments {
    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Only runs that stand here: `parked`, `failed`, `in_doubt`, …; several with commas
    #[arg(long = "only", value_name = "STATE", value_delimiter = ',')]
    pub(super) only: Vec<String>,

    /// Only runs of this plan
    #[arg(long, value_name = "NAME")]
    pub(super) plan: Option<String>,

    /// Only runs whose target holds this text
    #[arg(long, value_name = "TEXT")]
    pub(super) target: Option<String>,

    /// Only runs of this batch, in its order
    #[arg(long, value_name = "ID")]
    pub(super) batch: Option<String>,

    /// List the batches instead: when each began, with what, and how far its runs are
    #[arg(long, conflicts_with_all = ["only", "plan", "target", "batch"])]
    pub(super) batches: bool,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The run, or the beginning of its id
    pub(super) run: String,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The run, or the beginning of its id
    pub(super) run: String,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct EventsArguments {
    /// The run, or the beginning of its id
    pub(super) run: String,

    #[command(flatten)]
    pub(super) state: StateArguments,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// Plans and inventories: files, and folders with them (all `*.yaml`, `*.yml` and tables of
    /// targets below, hidden folders aside)
    #[arg(required_unless_present = "inventory", value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,

    /// A file or folder of an inventory; several are one inventory, as when it is run
    #[arg(long, value_name = "PATH")]
    pub(super) inventory: Vec<PathBuf>,

    /// The plan of targets for which an inventory names none
    #[arg(long, value_name = "FILE")]
    pub(super) plan: Option<PathBuf>,

    /// How the result is written to standard output
    #[arg(short, long, value_enum, default_value_t = CheckFormat::Text)]
    pub(super) output: CheckFormat,

    /// Let warnings fail the check, too
    #[arg(long)]
    pub(super) deny_warnings: bool,

    /// Check as on this day: which terms the CA allows depends on it [default: today]
    #[arg(long, value_name = "DATE")]
    pub(super) on: Option<jiff::civil::Date>,

    /// How long certificates may be valid from which day on, instead of DigiCert's own limits: a
    /// YAML list such as `- { from: 2027-03-15, days: 99 }`
    #[arg(long, value_name = "FILE")]
    pub(super) validity_schedule: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CheckFormat {
    /// For people: mistakes on standard error
    Text,
    /// For programs
    Json,
    /// For code hosts and editors: SARIF 2.1.0
    Sarif,
}

#[derive(Debug, Args)]
pub(super) struct TestArguments {
    /// Test files (`NAME.test.yaml`), plans with a test file beside them, and folders with such
    #[arg(value_name = "PATH", default_value = ".")]
    pub(super) paths: Vec<PathBuf>,

    /// Play only cases whose file or name contains this text, in any case
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,

    /// How the result is written to standard output
    #[arg(short, long, value_enum, default_value_t = TestFormat::Text)]
    pub(super) output: TestFormat,

    /// How many worlds there are at once [default: two for each processor]
    #[arg(short, long, value_name = "N")]
    pub(super) jobs: Option<std::num::NonZeroUsize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TestFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For CI systems: JUnit XML
    Junit,
}

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// The file to write, by default `plan.yaml` or `inventory.yaml`; `-` shows its text instead
    pub(super) file: Option<PathBuf>,

    /// Write an inventory, which lists many certificates, instead of a plan
    #[arg(long)]
    pub(super) inventory: bool,

    /// Replace files that are there
    #[arg(long)]
    pub(super) force: bool,
}

#[derive(Debug, Args)]
pub(super) struct ActionsArguments {
    /// The action to explain, such as `regfish.create_order`
    pub(super) name: Option<String>,

    /// How it is written
    #[arg(short, long, value_enum, default_value_t = ManualFormat::Text)]
    pub(super) output: ManualFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ManualFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// As a page of documentation
    Markdown,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArguments {
    /// What the schema describes
    #[arg(value_enum, default_value_t = SchemaOf::Plan)]
    pub(super) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// A plan
    Plan,
    /// An inventory
    Inventory,
    /// A scenario of the sandbox
    Scenario,
    /// A test file
    Test,
    /// A line of `certplan events`
    #[value(alias = "events")]
    Event,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArguments {
    /// Compare the runs with the certificates of the account, too; sends requests that only look
    #[arg(long)]
    pub(super) api: bool,

    /// Note orders a second time in `state.orders` where the note was lost
    #[arg(long)]
    pub(super) mend: bool,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct RollbackArguments {
    /// The folder that a download filled, such as `certs/www.example.com`, or the target's name
    #[arg(value_name = "TARGET|DIRECTORY")]
    pub(super) place: PathBuf,

    /// The set to go back to, as `--list` names it; by default the one that was current before
    #[arg(long, value_name = "SET", conflicts_with = "list")]
    pub(super) to: Option<String>,

    /// List the sets that are there, and do nothing
    #[arg(long)]
    pub(super) list: bool,

    /// Say what would be done, after the same checks, and do nothing
    #[arg(long, conflicts_with = "list")]
    pub(super) dry_run: bool,

    /// Go back even to a set that has expired, is not whole, or lacks files or names
    #[arg(long, conflicts_with = "list")]
    pub(super) anyway: bool,

    /// Look for a target of the embedded sandbox
    #[arg(long)]
    pub(super) sandbox: bool,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct PreviewArguments {
    /// The plan file; with an inventory, the plan of targets that name none
    #[arg(required_unless_present = "inventory")]
    pub(super) plan: Option<PathBuf>,

    /// Give an input of the plan a value
    #[arg(short, long = "input", value_name = "NAME=VALUE")]
    pub(super) inputs: Vec<String>,

    /// Name the target; by default it is the plan's input `common_name`
    #[arg(long, value_name = "NAME")]
    pub(super) target: Option<String>,

    /// Preview a run against an embedded sandbox
    #[arg(long)]
    pub(super) sandbox: bool,

    /// Really ask for what only reads, such as products and organizations; what several targets ask
    /// alike is asked once. Nothing else is sent
    #[arg(long)]
    pub(super) online: bool,

    /// As `run --again` would do: a new run although there is one for this plan and target. With an
    /// inventory `--again=TARGETS` says for which: names, globs and groups, as for `--limit`
    #[arg(
        long,
        value_name = "TARGETS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    pub(super) again: Option<String>,

    #[command(flatten)]
    pub(super) batch: ForecastArguments,

    #[command(flatten)]
    pub(super) settings: SettingArguments,

    #[command(flatten)]
    pub(super) state: StateArguments,

    #[command(flatten)]
    pub(super) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(super) struct GraphArguments {
    /// The plan file; or a run, or the beginning of its id
    #[arg(value_name = "PLAN|RUN")]
    pub(super) subject: PathBuf,

    /// What to draw it as
    #[arg(short, long, value_enum, default_value_t = DrawingFormat::Text)]
    pub(super) format: DrawingFormat,

    /// Write the drawing to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,

    /// Draw the edges too that longer paths imply
    #[arg(long)]
    pub(super) all_edges: bool,

    #[command(flatten)]
    pub(super) state: StateArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DrawingFormat {
    /// Boxes and lines for a terminal
    Text,
    /// A Mermaid flowchart, for Markdown on code hosts
    Mermaid,
    /// Graphviz's language
    Dot,
    /// A picture for browsers
    Svg,
    /// Steps and edges for programs; of a run with the state of each step
    Json,
}

#[derive(Debug, Args)]
pub(super) struct SettingArguments {
    /// Change a setting of a connection: `connections.regfish.base_url=…`, or
    /// `connections.regfish.limits=500/60s` for how many requests the account may send; the same
    /// for `connections.digicert`
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct WaitArguments {
    /// When another process works on the target, wait until it is done
    #[arg(long)]
    pub(super) wait: bool,
}

#[derive(Debug, Args)]
pub(super) struct StateArguments {
    /// Where runs and keys are kept; by default `.certplan`, here or in a folder above
    #[arg(long, value_name = "FOLDER", env = "CERTPLAN_STATE_DIR")]
    pub(super) state_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct MetricsArguments {
    /// Write the certificates' states and ends for Prometheus: at the beginning, now and then while
    /// plans run, and at the end; each time replaced in one step
    #[arg(long, value_name = "FILE")]
    pub(super) metrics_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct OutputArguments {
    /// How the result is written to standard output
    #[arg(short, long, value_enum, default_value_t = OutputFormat::Text)]
    pub(super) output: OutputFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

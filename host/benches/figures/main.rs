//! The figures that have a goal: what the chain adds to a policy's call; processor time for a message, beside a floor
//! that does the least possible; memory for an idle station. Server and floor are processes of their own and measured
//! from outside; stations live in this one.
//!
//! `cargo bench --bench figures -- [--json] [policy | cpu | memory]`

mod api;
mod chain;
mod cpu;
mod floor;
mod memory;
#[path = "../shared/policy.rs"]
mod policy;
mod process;
mod sessions;
mod station;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

/// The figures that have a goal, as this machine gives them.
#[derive(Debug, Parser)]
struct Arguments {
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// What cargo adds
    #[arg(long, hide = true, global = true)]
    bench: bool,
    /// All, unless one is named
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What the chain adds to a policy's call
    Policy,
    /// Processor time for a message of the 1.6 session workload, beside the floor
    Cpu,
    /// The server's memory from 1,000 to 10,000 idle stations
    Memory,
    /// Be the floor: what `cpu` compares with
    #[command(hide = true)]
    Floor {
        log: PathBuf,
        /// Bytes that a message leaves in the log
        record: usize,
    },
}

/// One figure, with the bar that it has to pass if it has one.
struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    at_most: Option<f64>,
}

impl Figure {
    fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self { name, value, unit, at_most: None }
    }

    fn at_most(self, bar: f64) -> Self {
        Self { at_most: Some(bar), ..self }
    }

    fn json(&self) -> Value {
        let Self { name, value, unit, at_most } = self;
        json!({ "name": name, "value": value, "unit": unit, "at_most": at_most })
    }

    fn line(&self) -> String {
        let Self { name, value, unit, .. } = self;
        let goal = self.at_most.map_or_else(String::new, |bar| {
            let verdict = if *value <= bar { "reached" } else { "missed" };
            format!("  goal: at most {bar} {unit}, {verdict}")
        });
        format!("{name:<56} {value:>9.1} {unit:<4}{goal}")
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(What::Floor { log, record }) = arguments.what {
        return tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(floor::serve(&log, record));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let figures = runtime.block_on(measure(arguments.what))?;
    print(&figures, arguments.json);
    Ok(())
}

async fn measure(what: Option<What>) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if matches!(what, None | Some(What::Policy)) {
        figures.extend(chain::measure().await?);
    }
    if matches!(what, None | Some(What::Cpu)) {
        figures.extend(cpu::measure().await?);
    }
    if matches!(what, None | Some(What::Memory)) {
        figures.extend(memory::measure().await?);
    }
    Ok(figures)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "the figures are the program's output")]
fn print(figures: &[Figure], as_json: bool) {
    if as_json {
        println!("{}", Value::from_iter(figures.iter().map(Figure::json)));
    } else {
        figures.iter().for_each(|figure| println!("{}", figure.line()));
    }
}

/// How far it is, for whoever waits.
#[expect(clippy::print_stderr, reason = "progress is not part of the output")]
fn progress(what: &str) {
    eprintln!("{what}");
}

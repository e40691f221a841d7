//! larder and its peers on the same work, in interleaved rounds.
//!
//! `cargo run --release -p larder-bench -- --help` lists what it measures. Read the ratios rather than the
//! nanoseconds: machines differ, are shared, and are noisy.

mod allocations;
mod args;
mod batch;
mod build;
mod faults;
mod fleet;
mod hit;
mod hitrate;
mod keys;
mod large;
mod machine;
mod memory;
mod miss;
mod now;
mod ours;
mod peers;
mod plot;
mod policies;
mod random;
mod redis;
mod remote;
mod report;
mod rounds;
mod scale;
mod stampede;
mod table;
mod threads;
mod trace;

#[path = "../../tests/support/fleet.rs"]
mod members;
#[path = "../../tests/support/process.rs"]
mod process;
#[path = "../../tests/support/mod.rs"]
mod support;
#[path = "../../tests/support/trial.rs"]
mod trial;

use std::error::Error;

use args::{Args, Subject};
use report::Section;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    if fleet::is_member()? {
        return Ok(());
    }
    let Some(args) = Args::parse(lexopt::Parser::from_env())? else {
        println!("{}", args::HELP);
        return Ok(());
    };
    let (mut sections, mut failed) = (Vec::new(), None);
    for subject in &args.subjects {
        eprintln!("measuring: {}", subject.name());
        match measure(*subject, &args) {
            Ok(measured) => {
                if !args.json {
                    measured.iter().for_each(|section| println!("{section}"));
                }
                // After each subject: some take minutes, and the program may be stopped.
                if let Some(folder) = &args.plot {
                    plot::draw(folder, &measured)?;
                }
                sections.extend(measured);
            }
            Err(error) => {
                eprintln!("{} failed: {error}", subject.name());
                failed.get_or_insert(error);
            }
        }
    }
    if args.json {
        println!("{}", report::json(&machine::describe(), &sections)?);
    }
    failed.map_or(Ok(()), Err)
}

fn measure(subject: Subject, args: &Args) -> Result<Vec<Section>> {
    match subject {
        Subject::Hit => hit::measure(args),
        Subject::Scale => scale::measure(args),
        Subject::Miss => miss::measure(args),
        Subject::Memory => memory::measure(args),
        Subject::Stampede => stampede::measure(args),
        Subject::Redis => redis::measure(args),
        Subject::Batch => batch::measure(args),
        Subject::Hitrate => hitrate::measure(args),
        Subject::Build => build::measure(args),
        // These print as they go, and have no contenders.
        Subject::Fleet => fleet::run(args).map(|()| Vec::new()),
        Subject::Faults => faults::run(args).map(|()| Vec::new()),
    }
}

/// A runtime of two threads.
fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

//! What larder adds to the build of a small service.
//!
//! Each kind of caching is a crate with its own target folder. Builds use the profiles that cargo has by default, and
//! the user's configuration of cargo.

mod cargo;
mod service;

use std::path::PathBuf;

use cargo::{Cost, binary, build};
use service::{Kind, Service, Size};

use crate::Result;
use crate::args::Args;
use crate::report::{Better, Comparison, Row, Section};
use crate::rounds::{Sample, Side};

/// The functions of the service.
const SERVICE: Size = Size { types: 14, functions: 0 };
/// The number of functions that are added to measure one of them.
const MORE: usize = 10;

pub(crate) fn measure(args: &Args) -> Result<Vec<Section>> {
    let root = Folder::new()?;
    let kinds: Vec<Service> =
        Kind::ALL.iter().map(|kind| Service::new(*kind, &root.0)).collect::<Result<_>>()?;
    let mut figures: Vec<Figures> = kinds.iter().map(|_| Figures::default()).collect();
    // Each step visits all kinds, so that a slow moment of the machine meets all of them.
    let rounds = if args.quick { 1 } else { args.rounds(1) };
    for round in 0..rounds {
        for (service, figures) in kinds.iter().zip(&mut figures) {
            eprintln!("  clean build {}: {}", round + 1, service.folder.display());
            service.write(SERVICE, 0)?;
            std::fs::remove_dir_all(service.folder.join("target")).ok();
            figures.clean.push(build(&service.folder, "dev")?);
        }
    }
    let mut version = 0;
    for profile in ["dev", "release"] {
        // The first round builds the dependencies.
        for round in 0..=args.rounds(5) {
            version += 1;
            for (service, figures) in kinds.iter().zip(&mut figures) {
                eprintln!("  {profile} build {round}: {}", service.folder.display());
                service.write(SERVICE, version)?;
                let cost = build(&service.folder, profile)?;
                if round > 0 {
                    figures.incremental(profile).push(cost);
                }
            }
        }
    }
    for (service, figures) in kinds.iter().zip(&mut figures) {
        figures.size = binary(&service.folder)? as f64;
        for (more, cost) in [
            (Size { types: SERVICE.types + MORE, functions: 0 }, &mut figures.type_bytes),
            (Size { types: SERVICE.types, functions: MORE }, &mut figures.function_bytes),
        ] {
            service.write(more, 0)?;
            build(&service.folder, "release")?;
            *cost = (binary(&service.folder)? as f64 - figures.size) / MORE as f64;
        }
    }
    Ok(sections(&figures))
}

/// What is measured of one kind.
#[derive(Default)]
struct Figures {
    clean: Vec<Cost>,
    dev: Vec<Cost>,
    release: Vec<Cost>,
    /// The stripped release binary, in bytes.
    size: f64,
    type_bytes: f64,
    function_bytes: f64,
}

impl Figures {
    fn incremental(&mut self, profile: &str) -> &mut Vec<Cost> {
        if profile == "dev" { &mut self.dev } else { &mut self.release }
    }
}

fn sections(figures: &[Figures]) -> Vec<Section> {
    let median = |costs: &[Cost], of: fn(&Cost) -> f64| Sample::new(costs.iter().map(of).collect());
    let time = |title: &str, of: fn(&Cost) -> f64| {
        table(
            title,
            "s",
            &["clean dev", "incremental dev", "incremental release"],
            figures,
            |one| vec![median(&one.clean, of), median(&one.dev, of), median(&one.release, of)],
        )
    };
    vec![
        time("build of a service with 14 functions, time", |cost| cost.wall),
        time("build of a service with 14 functions, processor time", |cost| cost.cpu),
        table("stripped release binary of that service", "MB", &["size"], figures, |one| {
            vec![Sample::exact(one.size / 1e6)]
        }),
        table(
            "bytes that each further function adds to it",
            "KB",
            &["with a type of its own", "with a known type"],
            figures,
            |one| {
                [one.type_bytes, one.function_bytes]
                    .map(|bytes| Sample::exact(bytes / 1e3))
                    .to_vec()
            },
        ),
    ]
}

fn table(
    title: &str,
    unit: &str,
    columns: &[&str],
    figures: &[Figures],
    samples: impl Fn(&Figures) -> Vec<Sample>,
) -> Section {
    let row = |(kind, figures): (&Kind, &Figures)| Row {
        name: kind.name().to_owned(),
        side: match kind {
            Kind::Plain => Side::Base,
            Kind::Larder | Kind::LarderRedis => Side::Larder,
            Kind::Cached => Side::Peer,
        },
        samples: samples(figures),
    };
    Comparison {
        title: title.to_owned(),
        unit: unit.to_owned(),
        better: Better::Less,
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        rows: Kind::ALL.iter().zip(figures).map(row).collect(),
    }
    .into()
}

/// A temporary folder; removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("larder-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

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
const MORE: usize = 50;
/// The larger services: each function with a type of its own, or all with a known type.
const LARGER: [Size; 2] = [
    Size { types: SERVICE.types + MORE, functions: 0 },
    Size { types: SERVICE.types, functions: MORE },
];

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
        figures.size = binary(&service.folder, "release")?;
    }
    for _ in 0..rounds {
        for (place, size) in LARGER.into_iter().enumerate() {
            for (service, figures) in kinds.iter().zip(&mut figures) {
                figures.further_dev[place].push(enlarge(service, size, "dev")?);
            }
            for (service, figures) in kinds.iter().zip(&mut figures) {
                figures.further_release[place].push(enlarge(service, size, "release")?);
            }
        }
    }
    Ok(sections(&figures))
}

/// The cost of one of the functions that make the service larger.
fn enlarge(service: &Service, size: Size, profile: &str) -> Result<Further> {
    eprintln!("  {profile} build with {MORE} functions more: {}", service.folder.display());
    service.write(SERVICE, 0)?;
    let (before, bytes) = (build(&service.folder, profile)?, binary(&service.folder, profile)?);
    service.write(size, 0)?;
    let after = build(&service.folder, profile)?;
    Ok(Further {
        cpu: (after.cpu - before.cpu) / MORE as f64,
        bytes: (binary(&service.folder, profile)? - bytes) / MORE as f64,
    })
}

/// What is measured of one kind.
#[derive(Default)]
struct Figures {
    clean: Vec<Cost>,
    dev: Vec<Cost>,
    release: Vec<Cost>,
    /// The stripped release binary, in bytes.
    size: f64,
    /// For each of [`LARGER`].
    further_dev: [Vec<Further>; 2],
    further_release: [Vec<Further>; 2],
}

/// What a further function adds.
#[derive(Clone, Copy)]
struct Further {
    /// Seconds of processor time of an incremental build.
    cpu: f64,
    /// Of the binary.
    bytes: f64,
}

impl Figures {
    fn incremental(&mut self, profile: &str) -> &mut Vec<Cost> {
        if profile == "dev" { &mut self.dev } else { &mut self.release }
    }
}

/// The larger services in one profile.
type Builds = fn(&Figures) -> &[Vec<Further>; 2];

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
    let further = |title: &str, unit: &str, builds: Builds, of: fn(&Further) -> f64| {
        let columns = ["with a type of its own", "with a known type"];
        table(title, unit, &columns, figures, |one| {
            builds(one).iter().map(|added| Sample::new(added.iter().map(of).collect())).collect()
        })
    };
    vec![
        time("build of a service with 14 functions, time", |cost| cost.wall),
        time("build of a service with 14 functions, processor time", |cost| cost.cpu),
        table("stripped release binary of that service", "MB", &["size"], figures, |one| {
            vec![Sample::exact(one.size / 1e6)]
        }),
        further(
            "bytes that each further function adds to it",
            "KB",
            |one| &one.further_release,
            |added| added.bytes / 1e3,
        ),
        further(
            "processor time that each further function adds to a dev build",
            "ms",
            |one| &one.further_dev,
            |added| added.cpu * 1e3,
        ),
        further(
            "processor time that each further function adds to a release build",
            "ms",
            |one| &one.further_release,
            |added| added.cpu * 1e3,
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

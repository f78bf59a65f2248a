//! The table of trackers and procedures.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use mppt::bench::{Energy, PERIOD};
use mppt::procedure::{self, CEC, EURO, Generator, LEVELS, Setup};
use mppt::sequence::Sequence;
use mppt::tracker::Kind;
use mppt::{BadParameter, Simulator, Technology};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{Arguments, argument, bytes, fault, figures};

/// The standard's generator: what a single-phase string inverter is made for.
const RATED_WATTS: f64 = 3_000.0;
const RATED_VOLTS: f64 = 300.0;

/// One run of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Case {
    /// A level of [`LEVELS`].
    Static(usize),
    /// A row of a sequence.
    Ramp(usize, usize),
    /// Shade.
    Shade,
}

/// What is run.
pub(super) struct Plan {
    pub(super) generators: Vec<Generator>,
    pub(super) kinds: Vec<Kind>,
    sequences: Vec<Sequence>,
    pub(super) setup: Setup,
    seed: u64,
}

/// What came of a tracker on a generator.
struct Outcome(BTreeMap<Case, Energy>);

/// Runs and prints.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let plan = plan(arguments)?;
    let begun = Instant::now();
    let outcomes = all(&plan)?;
    let took = begun.elapsed().as_secs_f64();
    let steps = plan.seconds() / PERIOD;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&whole_json(&plan, &outcomes))?);
    } else {
        print(&plan, &outcomes);
        println!();
        println!("{:.0} steps of trackers in {took:.1} s: {:.0} a second", steps, steps / took);
        if std::io::stdout().is_terminal() {
            figures::draw(&plan)?;
        }
    }
    if let Some(path) = &arguments.chart {
        let page = figures::page(&plan, path)?;
        std::fs::write(path, page).map_err(|error| fault(path, error))?;
        eprintln!("drawn in {}", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn plan(arguments: &Arguments) -> Result<Plan> {
    let generators = match arguments.module.named()? {
        Some(module) => {
            let (series, parallel) = (arguments.module.series, arguments.module.strings);
            vec![Generator::Modules { module, series, parallel }]
        }
        None => Technology::ALL
            .iter()
            .map(|technology| Simulator::new(*technology, RATED_WATTS, RATED_VOLTS))
            .map(|simulator| simulator.map(Generator::Simulator))
            .collect::<Result<_, BadParameter>>()?,
    };
    let sequences = match &arguments.sequence {
        None => Sequence::standard(),
        Some(path) => Sequence::read(&bytes(path)?).map_err(|error| fault(path, error))?,
    };
    let kinds = match arguments.tracker.as_slice() {
        [] => Kind::ALL.to_vec(),
        some => some.to_vec(),
    };
    let setup = Setup { bits: arguments.noise_bits, samples: arguments.samples, ..Setup::EXACT };
    Ok(Plan { generators, kinds, sequences, setup, seed: arguments.seed })
}

impl Plan {
    fn cases(&self) -> Vec<Case> {
        let levels = (0..LEVELS.len()).map(Case::Static);
        let rows = self.sequences.iter().enumerate().flat_map(|(place, sequence)| {
            (0..sequence.rows.len()).map(move |row| Case::Ramp(place, row))
        });
        levels.chain(rows).chain([Case::Shade]).collect()
    }

    /// Simulated time of a case, in s.
    fn seconds_of(&self, case: Case) -> f64 {
        match case {
            Case::Static(_) => procedure::SETTLING + procedure::MEASURING,
            Case::Ramp(place, row) => self.sequences[place].rows[row].seconds(),
            Case::Shade => procedure::SHADE_SECONDS,
        }
    }

    fn seconds(&self) -> f64 {
        let of_one: f64 = self.cases().into_iter().map(|case| self.seconds_of(case)).sum();
        self.runs().into_iter().map(|_| of_one).sum()
    }

    /// Every tracker on every generator.
    fn runs(&self) -> Vec<(Kind, usize)> {
        let generators = 0..self.generators.len();
        self.kinds.iter().flat_map(|kind| generators.clone().map(|place| (*kind, place))).collect()
    }

    /// Numbers that depend on the seed and the case alone, so that the order of work does not
    /// matter.
    pub(super) fn dice(&self, stream: u64) -> impl FnMut() -> f64 {
        let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
        generator.set_stream(stream);
        move || generator.random::<f64>()
    }

    fn energy(&self, (kind, place): (Kind, usize), case: Case, stream: u64) -> Result<Energy> {
        let (setup, generator) = (&self.setup, &self.generators[place]);
        let mut dice = self.dice(stream);
        let energy = match case {
            Case::Static(level) => {
                procedure::level(setup, generator, kind, LEVELS[level], &mut dice)
            }
            Case::Ramp(place, row) => {
                let row = &self.sequences[place].rows[row];
                procedure::ramp(setup, generator, kind, row, &mut dice, &mut |_| ())
            }
            Case::Shade => procedure::shade(setup, generator, kind, &mut dice, &mut |_| ()),
        };
        Ok(energy.map_err(argument)?)
    }
}

/// All cases, on all processors.
fn all(plan: &Plan) -> Result<Vec<Outcome>> {
    let (runs, cases) = (plan.runs(), plan.cases());
    let jobs: Vec<(usize, Case)> =
        (0..runs.len()).flat_map(|run| cases.iter().map(move |case| (run, *case))).collect();
    let template = "{msg} [{bar:40}] {pos}/{len} s simulated {eta}";
    let style = ProgressStyle::with_template(template).expect("the template is constant");
    let bar = ProgressBar::new(whole(plan.seconds()))
        .with_style(style.progress_chars("=> "))
        .with_message("trackers");
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Case, Result<Energy>)>> = Mutex::new(Vec::new());
    let work = || {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some((run, case)) = jobs.get(place) else { break };
            let energy = plan.energy(runs[*run], *case, place as u64);
            bar.inc(whole(plan.seconds_of(*case)));
            done.lock().expect("no holder panics").push((*run, *case, energy));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    let mut outcomes: Vec<Outcome> = runs.iter().map(|_| Outcome(BTreeMap::new())).collect();
    for (run, case, energy) in done.into_inner().expect("no holder panics") {
        outcomes[run].0.insert(case, energy.context("a procedure")?);
    }
    Ok(outcomes)
}

/// Simulated seconds for the bar.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, positive")]
fn whole(seconds: f64) -> u64 {
    seconds.round() as u64
}

impl Outcome {
    fn weighted(&self, weights: &[(f64, f64)], of: fn(&Energy) -> Option<f64>) -> Option<f64> {
        let level = |(place, level): (usize, &f64)| {
            self.0.get(&Case::Static(place)).and_then(of).map(|part| (*level, part))
        };
        let levels: Vec<(f64, f64)> = LEVELS.iter().enumerate().filter_map(level).collect();
        procedure::weighted(&levels, weights)
    }

    /// The efficiencies of the rows of a sequence.
    fn rows(&self, sequence: usize) -> Vec<Option<f64>> {
        let of_it = |case: &Case| matches!(case, Case::Ramp(place, _) if *place == sequence);
        let rows = self.0.iter().filter(|(case, _)| of_it(case));
        rows.map(|(_, energy)| energy.tracking()).collect()
    }

    fn shade(&self) -> Option<f64> {
        self.0.get(&Case::Shade).and_then(Energy::tracking)
    }
}

/// Output over what was there.
fn overall(energy: &Energy) -> Option<f64> {
    energy.tracking().zip(energy.conversion()).map(|(tracking, conversion)| tracking * conversion)
}

fn mean(rows: &[Option<f64>]) -> Option<f64> {
    let known: Vec<f64> = rows.iter().flatten().copied().collect();
    let count = u32::try_from(known.len()).map(f64::from).unwrap_or(f64::INFINITY);
    (count > 0.0).then(|| known.iter().sum::<f64>() / count)
}

fn least(rows: &[Option<f64>]) -> Option<f64> {
    rows.iter().flatten().copied().min_by(f64::total_cmp)
}

/// A part as a percentage, with as many decimals as tell good trackers apart.
fn percent(part: Option<f64>) -> String {
    part.map_or_else(|| "-".to_owned(), |part| format!("{:.3} %", 100.0 * part))
}

fn print(plan: &Plan, outcomes: &[Outcome]) {
    let sensors = plan.setup.bits.map_or_else(
        || "exact sensors".to_owned(),
        |bits| {
            let samples = plan.setup.samples;
            format!("{bits} bits, noise of one step, mean of {samples} samples, seed {}", plan.seed)
        },
    );
    println!("Tracking efficiency by the procedures of EN 50530 / IEC 62891; {sensors}");
    println!("static: weighted over power levels; ramps: mean of the rows (worst row)");
    let names = plan.generators.iter().map(|generator| generator.name().chars().count());
    let width = names.max().unwrap_or(0).max(18);
    for (place, generator) in plan.generators.iter().enumerate() {
        println!();
        print!("{:<width$} {:>9} {:>9} {:>9}", generator.name(), "EUR", "CEC", "with loss");
        for sequence in &plan.sequences {
            print!(" {:>22}", sequence.name);
        }
        println!(" {:>9}", "shade");
        let of_it = plan.runs().into_iter().zip(outcomes).filter(|(run, _)| run.1 == place);
        for ((kind, _), outcome) in of_it {
            print!(
                "{:<width$} {:>9} {:>9} {:>9}",
                kind.name(),
                percent(outcome.weighted(&EURO, Energy::tracking)),
                percent(outcome.weighted(&CEC, Energy::tracking)),
                percent(outcome.weighted(&EURO, overall)),
            );
            for sequence in 0..plan.sequences.len() {
                let rows = outcome.rows(sequence);
                let cell = format!("{} ({})", percent(mean(&rows)), percent(least(&rows)));
                print!(" {cell:>22}");
            }
            println!(" {:>9}", percent(outcome.shade()));
        }
    }
}

fn whole_json(plan: &Plan, outcomes: &[Outcome]) -> Value {
    let tracker = |((kind, place), outcome): ((Kind, usize), &Outcome)| {
        let levels: Vec<Value> = LEVELS
            .iter()
            .enumerate()
            .filter_map(|(place, level)| {
                let energy = outcome.0.get(&Case::Static(place))?;
                Some(json!({ "level": level, "efficiency": energy.tracking(),
                             "conversion": energy.conversion() }))
            })
            .collect();
        let sequences: Vec<Value> = plan
            .sequences
            .iter()
            .enumerate()
            .map(|(place, sequence)| {
                let found = outcome.rows(place);
                let rows: Vec<Value> = sequence
                    .rows
                    .iter()
                    .zip(&found)
                    .map(|(row, part)| {
                        json!({ "slope_w_m2_s": row.slope, "low_w_m2": row.low,
                                               "high_w_m2": row.high, "efficiency": part })
                    })
                    .collect();
                json!({ "name": sequence.name, "rows": rows, "efficiency": mean(&found),
                        "worst": least(&found) })
            })
            .collect();
        json!({
            "tracker": kind.name(),
            "generator": plan.generators[place].name(),
            "static": {
                "levels": levels,
                "euro": outcome.weighted(&EURO, Energy::tracking),
                "cec": outcome.weighted(&CEC, Energy::tracking),
                "euro_with_losses": outcome.weighted(&EURO, overall),
                "cec_with_losses": outcome.weighted(&CEC, overall),
            },
            "dynamic": sequences,
            "shade": outcome.shade(),
        })
    };
    let list: Vec<Value> = plan.runs().into_iter().zip(outcomes).map(tracker).collect();
    json!({
        "setup": plan.setup,
        "seed": plan.seed,
        "period_s": PERIOD,
        "trackers": list,
    })
}

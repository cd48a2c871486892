//! A hundred kills and stops of workers and of the studio, at random moments, under load: on one machine,
//! and on a server with three more.
//!
//! `KINORA_STORM_SEED` repeats the order of what is done; the moments are the machine's.

use std::collections::BTreeSet;
use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::Value;
use tempfile::tempdir;
use ureq::http::Response;
use ureq::{Agent, Body};

use crate::stage::{Machine, PATIENCE, Stage, Studio, body, children, id_of, signal};
use crate::truth;

#[expect(dead_code, reason = "nobody else uses the server of this test")]
#[path = "../../../studio/src/store/tests/server.rs"]
mod server;

use server::Server;

/// Kills and stops.
const BLOWS: usize = 100;
/// Clips that wait or are made while the storm lasts.
const LOAD: usize = 40;
/// What is asked for: most of it is well, some fails by itself.
const PROMPTS: [&str; 8] = [
    "a dog runs over a beach",
    "a cat on a roof at night",
    "a dog runs fault=crash:5@1",
    "a boat in a harbor",
    "a boat fault=half@1",
    "a cat fault=hang:3@1",
    "a dog fault=fail:media_failed",
    "a red car drives along a coast",
];

#[test]
fn every_accepted_clip_ends_once_in_a_storm_of_kills() {
    let data = tempdir().expect("a folder");
    let stage = Stage::new(data.path(), "[queue]\nworkers = 3\npro_workers = 0\n");
    let (storm, accepted) = Storm::rage(stage, 0, None);
    let completed = truth::check(storm.studio(), data.path(), &accepted);
    storm.judge(&accepted, completed);
}

#[test]
fn every_accepted_clip_ends_once_when_the_storm_goes_over_three_machines_and_their_studio() {
    let Some(server) = Server::own() else {
        return;
    };
    let data = tempdir().expect("a folder");
    let url = server.database();
    let stage = Stage::new(data.path(), "[queue]\nworkers = 0\npro_workers = 0\n");
    let stage = stage.with("KINORA_DATABASE", &url);
    let (storm, accepted) = Storm::rage(stage, 3, Some(server));
    let completed = truth::check_in(&url, storm.studio(), data.path(), &accepted);
    storm.judge(&accepted, completed);
}

fn seed() -> u64 {
    let given = env::var("KINORA_STORM_SEED").ok();
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    given.map_or_else(
        || now.expect("after 1970").as_millis() as u64,
        |seed| seed.parse().expect("a number"),
    )
}

/// What goes through the processes of a studio.
struct Storm {
    random: ChaCha8Rng,
    stage: Stage,
    studio: Option<Studio>,
    /// Those who make clips beside it.
    machines: Vec<Machine>,
    /// Where their database is, if it is no file.
    server: Option<Server>,
    stopped: Stopped,
    /// Workers killed, workers stopped, studios, machines and servers killed, stopped or restarted.
    struck: [usize; 3],
}

/// Processes that were stopped; a studio that was killed does not take them along.
#[derive(Default)]
struct Stopped(Vec<u32>);

impl Drop for Stopped {
    fn drop(&mut self) {
        for process in &self.0 {
            signal("KILL", *process);
        }
    }
}

impl Storm {
    /// Goes through a studio and its machines, and calms down when every clip has ended that was accepted
    /// meanwhile; these are returned.
    fn rage(mut stage: Stage, machines: usize, server: Option<Server>) -> (Self, BTreeSet<String>) {
        let seed = seed();
        println!("KINORA_STORM_SEED={seed}");
        stage.silence = Duration::from_millis(1500);
        let stage = stage.with("KINORA_DOUBLE_STEP_MS", &15);
        let mut storm = Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            studio: Some(stage.open()),
            machines: (0..machines).map(|_| stage.machine()).collect(),
            server,
            stage,
            stopped: Stopped::default(),
            struck: [0; 3],
        };
        let clients = Clients::new(storm.studio());
        let accepted = scope(|scope| {
            let client = scope.spawn(|| clients.create());
            while storm.struck.iter().sum::<usize>() < BLOWS {
                storm.blow(&clients);
            }
            clients.over.store(true, Ordering::Relaxed);
            client.join().expect("the client is well")
        });
        for id in &accepted {
            storm.studio().ended(id);
        }
        (storm, accepted)
    }

    /// A clip fails after three lost workers, but the storm must not be all that there is.
    fn judge(&self, accepted: &BTreeSet<String>, completed: usize) {
        let [kills, stops, hosts] = self.struck;
        println!(
            "{} clips, {completed} completed; {kills} workers killed, {stops} stopped, {hosts} blows to \
             the studio, its machines and its server",
            accepted.len()
        );
        let machines = self.machines.iter().map(Machine::log);
        assert!(
            accepted.len() > LOAD && completed * 2 > accepted.len(),
            "{completed} completed: {}",
            machines.collect::<Vec<_>>().join("\n")
        );
    }

    fn studio(&self) -> &Studio {
        self.studio.as_ref().expect("it is open between blows")
    }

    fn below(&mut self, end: u64) -> u64 {
        self.random.next_u64() % end
    }

    fn pause(&mut self, most_milliseconds: u64) {
        let time = self.below(most_milliseconds);
        sleep(Duration::from_millis(time));
    }

    fn blow(&mut self, clients: &Clients) {
        self.pause(500);
        match self.below(104) {
            100.. => {
                if let Some(server) = &mut self.server {
                    self.struck[2] += 1;
                    server.restart();
                }
            }
            0..45 => self.kill_worker(),
            45..80 => self.stop_worker(),
            blow => {
                self.struck[2] += 1;
                let hosts = self.machines.len() + 1;
                let machine = self.below(hosts as u64) as usize;
                let machine = machine.checked_sub(1);
                match blow {
                    80..90 => self.stop(machine),
                    // Killed as it runs, or after a stop that nothing ended.
                    _ => self.kill(machine, blow < 95, clients),
                }
            }
        }
    }

    /// The process of a machine, or the studio's.
    fn host(&self, machine: Option<usize>) -> u32 {
        match machine {
            Some(index) => self.machines[index].process.id(),
            None => self.studio().process.id(),
        }
    }

    fn stop(&mut self, machine: Option<usize>) {
        let host = self.host(machine);
        signal("STOP", host);
        self.pause(2000);
        signal("CONT", host);
    }

    fn kill(&mut self, machine: Option<usize>, is_stopped: bool, clients: &Clients) {
        let host = self.host(machine);
        self.stopped.0.extend(children(host));
        if is_stopped {
            signal("STOP", host);
            self.pause(1000);
        }
        if let Some(index) = machine {
            self.machines[index] = self.stage.machine(); // the one before is killed as it is dropped
        } else {
            self.studio.take().expect("it is open").kill();
            self.studio = Some(self.stage.open());
            clients.move_to(self.studio());
        }
    }

    fn kill_worker(&mut self) {
        if let Some(worker) = self.worker() {
            self.struck[0] += 1;
            signal("KILL", worker);
        }
    }

    /// Stops a worker, for a moment or for good.
    fn stop_worker(&mut self) {
        let Some(worker) = self.worker() else {
            return;
        };
        self.struck[1] += 1;
        signal("STOP", worker);
        if self.below(2) == 0 {
            self.pause(800);
            signal("CONT", worker);
        } else {
            self.stopped.0.push(worker);
        }
    }

    /// A process that makes clips, wherever it is.
    fn worker(&mut self) -> Option<u32> {
        let machines = self.machines.iter().map(|machine| machine.process.id());
        let hosts = machines.chain([self.studio().process.id()]);
        let workers: Vec<u32> = hosts.flat_map(children).collect();
        let index = self.below(workers.len().max(1) as u64) as usize;
        workers.get(index).copied()
    }
}

/// Whoever asks for clips meanwhile, and does not give up before the answer.
struct Clients {
    base: RwLock<String>,
    over: AtomicBool,
}

impl Clients {
    fn new(studio: &Studio) -> Self {
        Self {
            base: RwLock::new(studio.base.clone()),
            over: AtomicBool::new(false),
        }
    }

    fn move_to(&self, studio: &Studio) {
        let mut base = self.base.write().unwrap_or_else(PoisonError::into_inner);
        base.clone_from(&studio.base);
    }

    fn base(&self) -> String {
        let base = self.base.read().unwrap_or_else(PoisonError::into_inner);
        base.clone()
    }

    /// Keeps the queue filled; returns what was accepted.
    fn create(&self) -> BTreeSet<String> {
        let patience = Some(Duration::from_secs(5));
        let agent = Agent::config_builder().http_status_as_error(false);
        let agent: Agent = agent.timeout_global(patience).build().into();
        let mut accepted = BTreeSet::new();
        for number in 0.. {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            if number % 10 == 0 {
                self.wait_for_room(&agent);
            }
            accepted.insert(self.create_one(&agent, number));
        }
        accepted
    }

    fn create_one(&self, agent: &Agent, number: usize) -> String {
        let body = body(PROMPTS[number % PROMPTS.len()], 20);
        let began = Instant::now();
        loop {
            let request = agent.post(format!("{}/v1/videos", self.base()));
            let request = request.header("idempotency-key", format!("storm-{number}"));
            // A lost answer is asked for again: the key makes it the same clip.
            if let Some((status, video)) = answered(request.send_json(&body)) {
                assert_eq!(status, 200, "{video}");
                return id_of(&video);
            }
            assert!(began.elapsed() < PATIENCE, "no answer to {number}");
            sleep(Duration::from_millis(50));
        }
    }

    /// Waits until the queue has become short, or the storm is over.
    fn wait_for_room(&self, agent: &Agent) {
        while !self.over.load(Ordering::Relaxed) {
            let answer = answered(agent.get(format!("{}/v1/queue", self.base())).call());
            let waiting = answer.and_then(|(_, queue)| queue["queued_count"].as_u64());
            if waiting.is_some_and(|count| count < LOAD as u64) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
    }
}

/// An answer that arrived whole.
fn answered(answer: Result<Response<Body>, ureq::Error>) -> Option<(u16, Value)> {
    let mut answer = answer.ok()?;
    let value = answer.body_mut().read_json().ok()?;
    Some((answer.status().as_u16(), value))
}

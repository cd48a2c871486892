//! What the studio counts for Prometheus. By hand: these few families need no library.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::store::{Depth, Ending, Tier};

/// Upper bounds of the buckets of a wait in the queue, seconds.
const WAITS: &[f64] = &[1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0];
/// Upper bounds of the buckets of a denoising step, seconds.
const STEPS: &[f64] = &[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// Counters since the studio was opened.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    waits: BTreeMap<Tier, Histogram>,
    steps: Histogram,
    /// By outcome and code.
    videos: BTreeMap<(&'static str, String), u64>,
    workers_lost: u64,
    /// By route, method and status.
    requests: BTreeMap<(String, String, u16), u64>,
}

#[derive(Debug, Default)]
struct Histogram {
    /// Of the bounds, then beyond the last.
    buckets: Vec<u64>,
    sum: f64,
}

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A video was claimed for the first time.
    pub fn waited(&self, tier: Tier, time: Duration) {
        let mut counts = self.counts();
        counts.waits.entry(tier).or_default().add(WAITS, time);
    }

    /// A denoising step was made.
    pub fn stepped(&self, time: Duration) {
        self.counts().steps.add(STEPS, time);
    }

    /// A video ended.
    pub fn ended(&self, ending: &Ending) {
        let key = match ending {
            Ending::Completed { .. } => ("completed", String::new()),
            Ending::Failed { code, .. } => ("failed", code.clone()),
        };
        *self.counts().videos.entry(key).or_default() += 1;
    }

    /// A worker was lost while it made a video.
    pub fn worker_lost(&self) {
        self.counts().workers_lost += 1;
    }

    /// A request was answered. Routes are patterns and methods that nothing here answers are one, so that there
    /// are few.
    pub fn answered(&self, route: &str, method: &str, status: u16) {
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS" => method,
            _ => "other",
        };
        let key = (route.to_owned(), method.to_owned(), status);
        *self.counts().requests.entry(key).or_default() += 1;
    }

    /// All of it in the text format of Prometheus.
    pub fn text(&self, depths: &[Depth], paused: bool) -> String {
        let counts = self.counts();
        let mut page = Page::default();
        page.family(
            "kinora_queue_videos",
            "gauge",
            "Videos that wait or are made",
        );
        for depth in depths {
            let tier = depth.tier.name();
            for (state, count) in [("queued", depth.waiting), ("in_progress", depth.running)] {
                page.sample("", &[("tier", tier), ("state", state)], count as f64);
            }
        }
        page.family(
            "kinora_queue_paused",
            "gauge",
            "Whether nothing new is started",
        );
        page.sample("", &[], f64::from(u8::from(paused)));
        page.family(
            "kinora_wait_seconds",
            "histogram",
            "From acceptance to the first try",
        );
        for (tier, waits) in &counts.waits {
            page.histogram(&[("tier", tier.name())], WAITS, waits);
        }
        page.family(
            "kinora_step_seconds",
            "histogram",
            "Time of a denoising step",
        );
        page.histogram(&[], STEPS, &counts.steps);
        page.family("kinora_videos_total", "counter", "Videos that ended");
        for ((outcome, code), count) in &counts.videos {
            page.sample("", &[("outcome", outcome), ("code", code)], *count as f64);
        }
        page.family(
            "kinora_workers_lost_total",
            "counter",
            "Workers that died at work",
        );
        page.sample("", &[], counts.workers_lost as f64);
        page.family(
            "kinora_http_requests_total",
            "counter",
            "Requests that were answered",
        );
        for ((route, method, status), count) in &counts.requests {
            let status = status.to_string();
            let labels = [("route", &**route), ("method", method), ("status", &status)];
            page.sample("", &labels, *count as f64);
        }
        page.text
    }
}

impl Histogram {
    fn add(&mut self, bounds: &[f64], time: Duration) {
        let seconds = time.as_secs_f64();
        self.buckets.resize(bounds.len() + 1, 0);
        let bucket = bounds.iter().position(|bound| seconds <= *bound);
        self.buckets[bucket.unwrap_or(bounds.len())] += 1;
        self.sum += seconds;
    }
}

/// A text in the making.
#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn family(&mut self, name: &'static str, kind: &str, help: &str) {
        self.name = name;
        self.line(format_args!("# HELP {name} {help}.\n# TYPE {name} {kind}"));
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let labels = labels.iter();
        let labels: Vec<_> = labels
            .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
            .collect();
        let labels = match &labels[..] {
            [] => String::new(),
            labels => format!("{{{}}}", labels.join(",")),
        };
        let name = self.name;
        self.line(format_args!("{name}{suffix}{labels} {value}"));
    }

    fn histogram(&mut self, labels: &[(&str, &str)], bounds: &[f64], histogram: &Histogram) {
        let mut count = 0;
        let bounds = bounds.iter().map(ToString::to_string);
        for (index, bound) in bounds.chain(["+Inf".into()]).enumerate() {
            count += histogram.buckets.get(index).copied().unwrap_or(0);
            let labels = [labels, &[("le", &bound)]].concat();
            self.sample("_bucket", &labels, count as f64);
        }
        self.sample("_sum", labels, histogram.sum);
        self.sample("_count", labels, count as f64);
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.text, "{line}").expect("strings grow");
    }
}

/// A label's value as the format writes it.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', r"\\");
    value.replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_told_in_the_format_of_prometheus() {
        let metrics = Metrics::default();
        for seconds in [0, 5, 100_000] {
            metrics.waited(Tier::Pro, Duration::from_secs(seconds));
        }
        metrics.ended(&Ending::cancelled());
        metrics.ended(&Ending::cancelled());
        metrics.answered("/v1/videos/{id}", "GET", 200);
        metrics.answered("a\"b\\c\nd", "GET", 404);
        metrics.answered("page", "BREW", 405);
        metrics.answered("page", "WHEN", 405);
        let depth = Depth {
            tier: Tier::Standard,
            waiting: 3,
            running: 1,
        };
        let text = metrics.text(&[depth], true);
        for line in [
            "# TYPE kinora_wait_seconds histogram",
            "kinora_queue_videos{tier=\"standard\",state=\"queued\"} 3",
            "kinora_queue_paused 1",
            "kinora_wait_seconds_bucket{tier=\"pro\",le=\"1\"} 1",
            "kinora_wait_seconds_bucket{tier=\"pro\",le=\"5\"} 2",
            "kinora_wait_seconds_bucket{tier=\"pro\",le=\"14400\"} 2",
            "kinora_wait_seconds_bucket{tier=\"pro\",le=\"+Inf\"} 3",
            "kinora_wait_seconds_sum{tier=\"pro\"} 100005",
            "kinora_wait_seconds_count{tier=\"pro\"} 3",
            "kinora_step_seconds_count 0",
            "kinora_videos_total{outcome=\"failed\",code=\"cancelled\"} 2",
            "kinora_http_requests_total{route=\"/v1/videos/{id}\",method=\"GET\",status=\"200\"} 1",
            r#"kinora_http_requests_total{route="a\"b\\c\nd",method="GET",status="404"} 1"#,
            "kinora_http_requests_total{route=\"page\",method=\"other\",status=\"405\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}

//! Spans and metrics for OpenTelemetry, through the bridges `tracing-opentelemetry` and a recorder
//! of the `metrics` facade.
//!
//!     cargo run -p examples --example opentelemetry
//!
//! The exporters keep everything in memory, so the example needs no collector and can inspect the
//! exported data. It ends automatically. A service uses OTLP exporters instead.

use std::error::Error;

use larder::{Cache, cached};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;

#[cached(key = "user:{id}", ttl = "1m")]
async fn get_user(id: u64) -> Result<String, String> {
    query(id).await
}

#[tracing::instrument(level = "info")]
async fn query(id: u64) -> Result<String, String> {
    Ok(format!("user {id}"))
}

fn attribute(span: &SpanData, name: &str) -> Option<String> {
    let attribute = span.attributes.iter().find(|attribute| attribute.key.as_str() == name);
    attribute.map(|attribute| attribute.value.to_string())
}

/// The latest sums of a counter, by the value of one of its labels.
fn sums(
    exporter: &InMemoryMetricExporter,
    counter: &str,
    label: &str,
) -> Result<Vec<(String, u64)>, Box<dyn Error>> {
    let exported = exporter.get_finished_metrics()?;
    let last = exported.last().ok_or("nothing was exported")?;
    let metrics = last.scope_metrics().flat_map(|scope| scope.metrics());
    let mut sums = Vec::new();
    for metric in metrics.filter(|metric| metric.name() == counter) {
        let AggregatedMetrics::U64(MetricData::Sum(sum)) = metric.data() else { continue };
        for point in sum.data_points() {
            let label = point.attributes().find(|attribute| attribute.key.as_str() == label);
            sums.push((
                label.map(|label| label.value.to_string()).unwrap_or_default(),
                point.value(),
            ));
        }
    }
    Ok(sums)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let spans = InMemorySpanExporter::default();
    let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(tracers.tracer("shop"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;

    let metrics = InMemoryMetricExporter::default();
    let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics.clone()).build();
    let recorder = metrics_exporter_opentelemetry::Recorder::with_meter(meters.meter("shop"));
    metrics::set_global_recorder(recorder)?;

    let cache = Cache::builder().build()?;
    cache.install();
    let handling = async {
        for id in [1, 2, 1, 1] {
            get_user(id).await?;
        }
        Ok::<_, String>(())
    };
    handling.instrument(tracing::info_span!("request")).await?;
    // Once for each interval of the exporter; a service uses `publish_metrics_every`.
    cache.publish_metrics();
    cache.publish_metrics();
    tracers.force_flush()?;
    meters.force_flush()?;

    let spans = spans.get_finished_spans()?;
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let (requests, loads, queries) = (named("request"), named("larder.load"), named("query"));
    for load in &loads {
        println!(
            "{}: {:?} on {:?}",
            load.name,
            attribute(load, "function"),
            attribute(load, "cache")
        );
        // The load's span is inside the span of the request that waited for it, and contains the
        // span of the query.
        assert_eq!(load.parent_span_id, requests[0].span_context.span_id());
        assert_eq!(attribute(load, "function").as_deref(), Some("opentelemetry::get_user"));
    }
    assert_eq!((loads.len(), queries.len()), (2, 2), "a span for each load, none for hits");
    assert_eq!(queries[0].parent_span_id, loads[0].span_context.span_id());

    let results = sums(&metrics, "larder_requests_total", "result")?;
    println!("larder_requests_total: {results:?}");
    let counted = |result: &str| {
        results.iter().filter(|(name, _)| name == result).map(|(_, sum)| sum).sum::<u64>()
    };
    assert_eq!((counted("memory_hit"), counted("miss")), (2, 2));
    tracers.shutdown()?;
    meters.shutdown()?;
    Ok(())
}

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::top;
use super::query::Plan;
use super::*;

const LENGTH: usize = 24;

fn carry_on(_: usize, _: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A number between -1 and 1 for each number.
fn noise(at: u64) -> f32 {
    (mix(at) >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}

/// A vector near one of 40 centres.
fn vector(at: u32) -> Vec<f32> {
    let centre = u64::from(at % 40) << 20;
    let own = (u64::from(at) + 1000) << 20;
    (0..LENGTH as u64)
        .map(|i| noise(centre + i) + 0.7 * noise(own + i))
        .collect()
}

fn vectors(keys: impl IntoIterator<Item = u32>) -> BTreeMap<u32, Vec<f32>> {
    keys.into_iter().map(|key| (key, vector(key))).collect()
}

fn built(items: &BTreeMap<u32, Vec<f32>>, metric: Metric) -> Index {
    let items = items.iter().map(|(key, vector)| (*key, vector.as_slice()));
    Index::build(LENGTH, metric, items, 1, &mut carry_on).unwrap()
}

/// The truth, computed in another way.
fn truth(
    items: &BTreeMap<u32, Vec<f32>>,
    metric: Metric,
    query: &[f32],
    k: usize,
    filter: impl Fn(u32) -> bool,
) -> Vec<(u32, f64)> {
    let product = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    let norm = |a: &[f32]| match metric {
        Metric::Cosine => product(a, a).sqrt(),
        Metric::InnerProduct => 1.0,
    };
    let mut scored: Vec<(u32, f64)> = items
        .iter()
        .filter(|(key, _)| filter(**key))
        .map(|(key, v)| (*key, product(v, query) / norm(v) / norm(query)))
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    scored.truncate(k);
    scored
}

/// The share of the true ten that is found, over 50 queries that are none of the items.
fn recall(
    index: &Index,
    items: &BTreeMap<u32, Vec<f32>>,
    filter: impl Fn(u32) -> bool + Copy,
) -> f64 {
    // A breadth at which an index of this size still walks.
    recall_of(items, index.metric(), filter, |query| {
        index.nearest(query, 10, 28, filter).unwrap()
    })
}

fn recall_of(
    items: &BTreeMap<u32, Vec<f32>>,
    metric: Metric,
    filter: impl Fn(u32) -> bool + Copy,
    ask: impl Fn(&[f32]) -> Vec<(u32, f32)>,
) -> f64 {
    let (mut found, mut there) = (0, 0);
    for query in (0..50).map(|at| vector(1_000_000 + at)) {
        let truth = truth(items, metric, &query, 10, filter);
        let got = ask(&query);
        assert!(got.is_sorted_by(|a, b| top::best_first(a, b).is_lt()));
        for (key, score) in &got {
            assert!(filter(*key));
            let same = truth.iter().find(|truth| truth.0 == *key);
            assert!(same.is_none_or(|same| (same.1 - f64::from(*score)).abs() < 1e-4));
            found += usize::from(same.is_some());
        }
        there += truth.len();
    }
    found as f64 / there as f64
}

#[test]
fn a_small_index_is_exact() {
    let items = vectors((0..500).map(|key| key * 3));
    for metric in [Metric::Cosine, Metric::InnerProduct] {
        let index = built(&items, metric);

        assert_eq!(recall(&index, &items, |_| true), 1.0);
        assert_eq!(recall(&index, &items, |key| key % 2 == 0), 1.0);
    }
}

#[test]
fn a_large_index_finds_nearly_all_of_the_nearest() {
    let items = vectors(0..SCANNED as u32 + 2000);
    for metric in [Metric::Cosine, Metric::InnerProduct] {
        let index = built(&items, metric);

        for (every, what) in [(1, "all"), (2, "half"), (12, "a twelfth"), (500, "few")] {
            let recall = recall(&index, &items, |key| mix(key.into()).is_multiple_of(every));
            assert!(recall >= 0.99, "{recall} of {what} under {metric:?}");
        }
    }
}

#[test]
fn a_walk_finds_nearly_all_of_the_nearest_that_pass() {
    let items = vectors(0..SCANNED as u32 + 1000);
    let index = built(&items, Metric::Cosine);
    let traverse = |plan: Plan, filter: &dyn Fn(u32) -> bool| {
        recall_of(&items, Metric::Cosine, filter, |query| {
            let answers = index.execute(&plan, &[query], 10, &filter);
            answers.unwrap().remove(0)
        })
    };

    let half = |key: u32| mix(key.into()).is_multiple_of(2);
    let tenth = |key: u32| mix(key.into()).is_multiple_of(10);
    for (plan, filter) in [
        (Plan::Traversal(60), &half as &dyn Fn(u32) -> bool),
        (Plan::WalkPassing(40), &half),
        (Plan::WalkPassing(40), &tenth),
    ] {
        let name = format!("{plan:?}");
        let recall = traverse(plan, filter);
        assert!(recall >= 0.98, "{recall} by {name}");
    }
}

#[test]
fn several_queries_at_once_get_what_each_gets_alone_and_ask_of_each_vector_once() {
    let queries: Vec<Vec<f32>> = (0..5).map(|at| vector(1_000_000 + at)).collect();
    let queries: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
    let items = vectors(0..SCANNED as u32 + 1000);
    let index = built(&items, Metric::Cosine);
    let odd = |key: u32| key % 2 == 1;

    for breadth in [20, 1000] {
        let together = index.nearest_each(&queries, 20, breadth, odd).unwrap();
        let alone = queries.iter();
        let alone = alone.map(|query| index.nearest(query, 20, breadth, odd).unwrap());
        assert_eq!(together, alone.collect::<Vec<_>>());
    }
    assert_eq!(index.nearest_each(&[], 20, 20, odd), Ok(Vec::new()));
    let requests = std::cell::RefCell::new(BTreeMap::new());
    let filter = |key: u32| {
        *requests.borrow_mut().entry(key).or_insert(0) += 1;
        odd(key)
    };
    index
        .execute(&Plan::ScanAll, &queries, 20, &filter)
        .unwrap();
    let requests = requests.into_inner();
    assert!(requests.len() > 100 && requests.values().all(|times| *times == 1));
}

#[test]
fn a_filter_that_lets_only_other_clusters_pass_is_answered_too() {
    let items = vectors(0..SCANNED as u32 + 2000);
    let index = built(&items, Metric::Cosine);

    // Queries come from clusters 0, 1, 2 and so on, and only the last four pass.
    let recall = recall(&index, &items, |key| key % 40 >= 36);

    assert!(recall >= 0.99, "{recall}");
}

#[test]
fn equal_items_and_seeds_give_equal_answers_on_any_number_of_threads() {
    let items = vectors(0..SCANNED as u32 + 500);
    let answers = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let index = pool.install(|| built(&items, Metric::Cosine));
        let queries = (0..50).map(|at| vector(1_000_000 + at));
        queries
            .map(|query| index.nearest(&query, 10, 10, |_| true).unwrap())
            .collect::<Vec<_>>()
    };

    assert_eq!(answers(1), answers(3));
}

#[test]
fn equal_scores_come_by_key() {
    let same = vector(1);
    let items: BTreeMap<u32, Vec<f32>> = (0..40).map(|key| (39 - key, same.clone())).collect();

    let got = built(&items, Metric::Cosine)
        .nearest(&same, 5, 5, |key| key != 1)
        .unwrap();

    let keys: Vec<u32> = got.iter().map(|got| got.0).collect();
    assert_eq!(keys, [0, 2, 3, 4, 5]);
    assert!(got.iter().all(|got| got.1 <= 1.0 && got.1 > 0.999_999));
}

#[test]
fn an_index_that_grows_shrinks_and_changes_keeps_finding() {
    let start = SCANNED as u32 - 500;
    let mut items = vectors(0..start);
    let mut index = built(&items, Metric::Cosine);

    // Past the size where the graph begins...
    for key in start..start + 2500 {
        index.upsert(key, &vector(key)).unwrap();
        items.insert(key, vector(key));
    }
    let all = recall(&index, &items, |_| true);
    assert!(all >= 0.99, "{all}");

    // ...with a quarter of the vectors replaced and some taken out...
    for key in (0..start).step_by(4) {
        let new = vector(key + 500_000);
        index.upsert(key, &new).unwrap();
        items.insert(key, new);
    }
    for key in (1..start).step_by(6) {
        assert!(index.remove(key));
        items.remove(&key);
    }
    assert_eq!(index.len(), items.len());
    let all = recall(&index, &items, |_| true);
    assert!(all >= 0.99, "{all}");
    let third = recall(&index, &items, |key| key % 3 == 0);
    assert!(third >= 0.99, "{third}");

    // ...and rows that were used before are used again.
    let rows = index.vectors.rows();
    for key in (1..start).step_by(6) {
        index.upsert(key, &vector(key)).unwrap();
        items.insert(key, vector(key));
    }
    assert_eq!(index.len(), items.len());
    assert!(
        index.vectors.rows() < rows + 200,
        "{} rows",
        index.vectors.rows()
    );
    let all = recall(&index, &items, |_| true);
    assert!(all >= 0.99, "{all}");
}

#[test]
fn an_index_can_be_emptied_and_filled_again() {
    let items = vectors(0..SCANNED as u32 + 100);
    let mut index = built(&items, Metric::Cosine);
    for key in items.keys() {
        assert!(index.remove(*key));
    }
    assert!(index.is_empty() && !index.remove(3));
    assert!(
        index
            .nearest(&vector(1), 3, 3, |_| true)
            .unwrap()
            .is_empty()
    );

    index.upsert(u32::MAX, &vector(1)).unwrap();
    assert_eq!(
        index.nearest(&vector(1), 3, 3, |_| true).unwrap()[0].0,
        u32::MAX
    );
}

#[test]
fn a_vector_can_be_read_back() {
    let mut index = Index::new(2, Metric::Cosine, 1).unwrap();
    index.upsert(7, &[3.0, 4.0]).unwrap();
    assert_eq!(index.vector(7), Some(&[0.6, 0.8][..]));

    index.upsert(7, &[0.0, 2.0]).unwrap();
    assert_eq!(index.vector(7), Some(&[0.0, 1.0][..]));
    assert_eq!((index.len(), index.vector(8)), (1, None));
}

#[test]
fn what_cannot_be_a_vector_is_refused_and_changes_nothing() {
    let mut index = Index::new(2, Metric::Cosine, 1).unwrap();
    index.upsert(7, &[1.0, 0.0]).unwrap();

    let length = NeighbourError::Length {
        expected: 2,
        got: 3,
    };
    assert_eq!(index.upsert(7, &[1.0, 2.0, 3.0]), Err(length.clone()));
    assert_eq!(
        index.upsert(7, &[f32::NAN, 0.0]),
        Err(NeighbourError::NotFinite)
    );
    assert_eq!(
        index.upsert(7, &[f32::INFINITY, 0.0]),
        Err(NeighbourError::NotFinite)
    );
    assert_eq!(index.upsert(7, &[0.0, 0.0]), Err(NeighbourError::Zero));
    assert_eq!(index.nearest(&[1.0; 3], 1, 1, |_| true), Err(length));
    assert_eq!(
        index.nearest(&[0.0; 2], 1, 1, |_| true),
        Err(NeighbourError::Zero)
    );
    assert_eq!(index.vector(7), Some(&[1.0, 0.0][..]));

    let mut products = Index::new(2, Metric::InnerProduct, 1).unwrap();
    assert_eq!(
        products.upsert(1, &[1e30, 0.0]),
        Err(NeighbourError::TooLarge)
    );
    assert_eq!(products.upsert(1, &[0.0, 0.0]), Ok(()));
    assert_eq!(
        Index::new(0, Metric::Cosine, 1).err(),
        Some(NeighbourError::NoLength)
    );
}

#[test]
fn a_build_can_be_watched_and_stopped() {
    let items = vectors(0..SCANNED as u32 + 1000);
    let pairs = || items.iter().map(|(key, vector)| (*key, vector.as_slice()));
    let mut heard = Vec::new();
    let mut listen = |done, of| {
        heard.push((done, of));
        ControlFlow::Continue(())
    };
    Index::build(LENGTH, Metric::Cosine, pairs(), 1, &mut listen).unwrap();
    assert!(heard.is_sorted() && heard.len() > 5);
    assert_eq!(heard.last(), Some(&(items.len(), items.len())));

    let mut stop = |done, _| {
        if done > 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let stopped = Index::build(LENGTH, Metric::Cosine, pairs(), 1, &mut stop);
    assert_eq!(stopped.err(), Some(NeighbourError::Stopped(GROUP)));
}

proptest! {
    #[test]
    fn whatever_is_written_a_small_index_answers_like_a_list(
        writes in prop::collection::vec((0_u32..20, prop::option::of(0_u32..1000)), 0..80),
        query in 0_u32..1000,
        k in 0_usize..25,
    ) {
        let mut index = Index::new(LENGTH, Metric::InnerProduct, 1).unwrap();
        let mut list = BTreeMap::new();
        for (key, write) in writes {
            match write {
                Some(new) => {
                    index.upsert(key, &vector(new)).unwrap();
                    list.insert(key, vector(new));
                }
                None => prop_assert_eq!(index.remove(key), list.remove(&key).is_some()),
            }
        }
        let got = index.nearest(&vector(query), k, 0, |key| key % 3 != 0).unwrap();
        let truth = truth(&list, Metric::InnerProduct, &vector(query), k, |key| key % 3 != 0);
        prop_assert_eq!(got.len(), truth.len());
        for (got, truth) in got.iter().zip(truth) {
            prop_assert!((f64::from(got.1) - truth.1).abs() < 1e-3);
        }
    }
}

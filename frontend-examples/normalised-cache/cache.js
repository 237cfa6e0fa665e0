// What a client with a normalised cache needs to know of this API: which objects have a key, and which answers
// make lists old.
//
// The rule of keys: what has an `id` is stored once, under `__typename` and `id`. Everything else is a part of
// the object that holds it and is stored there. One type has an id and is a part all the same:
// a RecommendationList is the same list on each of its pages, but other items are in it, so that its
// pages must not be stored over each other.
//
//   import { cacheExchange } from '@urql/exchange-graphcache';
//   cacheExchange({ schema, keys, updates });
//
//   import { InMemoryCache } from '@apollo/client';
//   new InMemoryCache({ typePolicies });

const parts = [
  'AudienceEvaluation',
  'AuthTokens',
  'BecauseRow',
  'BlendWeight',
  'CacheStatistics',
  'CacheWarmingOutcome',
  'Collaborator',
  'CompetitionSyncOutcome',
  'ContentFacets',
  'ContentKindCount',
  'ContextFeedback',
  'Contribution',
  'Credit',
  'CuratorEvaluation',
  'DatabaseSchema',
  'DecadeCount',
  'EmbeddingsOutcome',
  'ErasedRows',
  'ErasureOutcome',
  'EvaluationOutcome',
  'Exclusion',
  'ExperimentComparison',
  'ExperimentOverrides',
  'ExperimentResults',
  'ExperimentVariantResults',
  'Explanation',
  'ExternalId',
  'FacetCount',
  'FeedbackCounts',
  'FetchedGuide',
  'FieldWarnings',
  'FilmographyItem',
  'Freshness',
  'Generated',
  'GeneratedOutput',
  'GenerationLimits',
  'GenerationOutcome',
  'Generator',
  'GenreCount',
  'HourlyStatistics',
  'ImportOutcome',
  'ImportedRows',
  'InteractionCount',
  'InteractionWeight',
  'InteractionWeights',
  'IntervalEstimate',
  'JobEvent',
  'JobProgress',
  'JobStatistics',
  'JobWarning',
  'ListQuality',
  'ModelComparison',
  'ModelMetrics',
  'ModelSetting',
  'ModelSource',
  'Money',
  'PersonStatistics',
  'PolicyEstimate',
  'PolicyEstimates',
  'PolicyEvaluation',
  'PopularSearch',
  'Preferences',
  'PriceRangeCount',
  'PromotionCheck',
  'QualityEstimate',
  'RankFeedback',
  'Ratings',
  'Reason',
  'RecommendationFeedback',
  'RecommendationFeedbackResult',
  'RecommendationItem',
  'RecommendationList',
  'RecommendationStatistics',
  'RecommendationsOutcome',
  'RecommendationsUpdate',
  'RecordInteractionResult',
  'RefusedRow',
  'RelatedItem',
  'Replay',
  'ReplayEvaluation',
  'ReplayItem',
  'RetentionOutcome',
  'SampledWeight',
  'SchemaCounts',
  'SearchFacets',
  'SearchFinding',
  'SearchHighlight',
  'SearchHighlightPart',
  'SearchResults',
  'SearchSuggestion',
  'SearchWeights',
  'ServerMetrics',
  'SettingDifference',
  'SignalTraining',
  'SignalValue',
  'SignalWeight',
  'SignalWeights',
  'SimilarGroup',
  'SimilarItems',
  'SlateItem',
  'SlateLatency',
  'SlateQuality',
  'SlateTrainingOutcome',
  'SlateUpdate',
  'SourceFeedback',
  'SourceQuality',
  'StatisticsOutcome',
  'StoredFile',
  'TagCount',
  'Trace',
  'TraceBoost',
  'TraceCandidate',
  'TracePin',
  'TraceRequest',
  'TraceScore',
  'TraceSignal',
  'TrainingOutcome',
  'TrendingItem',
  'UnknownTitle',
  'Worker',
];

// What mutations answer with: their payloads end so, and the errors in them are these.
const errors = [
  'Conflict',
  'EmailTaken',
  'InvalidCredentials',
  'InvalidInput',
  'InvalidToken',
  'NotFound',
  'TooManyAttempts',
  'WeakPassword',
];

// For urql's graphcache.
export const keys = Object.fromEntries([...parts, ...errors].map((type) => [type, () => null]));

// For Apollo: what has no id is a part there by itself, but two selections of one part are put together
// only where it is said.
export const typePolicies = Object.fromEntries(
  [...parts, ...errors].map((type) => [type, { keyFields: false, merge: true }]),
);

// A mutation that says something of a user's taste answers `recommendationsUpdates`. Where it is selected
// and not empty, the lists in the cache are old and are asked for again when they are shown next.
const lists = ['recommendations', 'because'];

const dropLists = (mutation) => (result, _args, cache) => {
  if (result[mutation]?.recommendationsUpdates?.length) {
    const old = cache.inspectFields('Query').filter(({ fieldName }) => lists.includes(fieldName));
    for (const { fieldKey } of old) cache.invalidate('Query', fieldKey);
  }
};

const mutations = [
  'deleteInteraction',
  'recordInteraction',
  'recordInteractions',
  'recordRecommendationFeedback',
];

// For urql's graphcache. Apollo does the same with `cache.evict({ fieldName })` in the `update` of a mutation.
export const updates = {
  Mutation: Object.fromEntries(mutations.map((mutation) => [mutation, dropLists(mutation)])),
};

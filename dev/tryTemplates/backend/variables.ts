/** The environment variables that tell the backend where plans are, where to note calls, and which filters to replace. */
export const PLANS_VARIABLE = 'TRIED_PLANS';
export const CALLS_VARIABLE = 'TRIED_CALLS';
export const FILTERS_VARIABLE = 'TRIED_FILTERS';

/** The environment variables that tell the backend where plans are, and where to note calls. */
export const PLANS_VARIABLE = 'TRIED_PLANS';
export const CALLS_VARIABLE = 'TRIED_CALLS';

/** May read all tasks. */
export const READER = 'user:default/reader';
/** May read their own tasks. */
export const OWNER = 'user:default/owner';
/** May read no task. */
export const NOBODY = 'user:default/nobody';

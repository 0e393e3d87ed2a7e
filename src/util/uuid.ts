/** A UUID in lower case, as a part of a regular expression. The ids of tasks are such. */
export const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';

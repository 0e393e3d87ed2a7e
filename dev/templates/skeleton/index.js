export const name = '@name@';

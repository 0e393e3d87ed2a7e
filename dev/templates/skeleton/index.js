export const name = "@name@";

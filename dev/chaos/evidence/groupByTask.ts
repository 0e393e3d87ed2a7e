export function groupByTask<T extends { taskId: string }>(
  items: T[],
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(item.taskId);
    if (group) {
      group.push(item);
    } else {
      groups.set(item.taskId, [item]);
    }
  }
  return groups;
}

/**
 * The lines `l` of the task `t`. Its `seq` may have been another task's before, whose lines stayed
 * when that was removed by hand. Processes of the version before name no task: then it is the one
 * with this `seq`, unless the line is older.
 */
export const OWN_LINES = `l.task_seq = t.seq AND (
  l.task_id = t.id AND l.task_created_at = t.created_at
  OR l.task_id IS NULL AND l.at >= t.created_at)`;

/** The progress of the task that is being read. Without the name of a task it may be any other's. */
export const OWN_PROGRESS = `task_seq = seq AND task_id = id AND task_created_at = created_at`;

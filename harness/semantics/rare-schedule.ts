const words: readonly string[] = ["@yearly", "@annually"];

/** One value: `1`, or `jan`. */
const isSingle = (field: string): boolean => /^(\d{1,2}|[a-z]{3})$/i.test(field);

/**
 * Whether a CronJob's schedule comes once a year at most: one day of one month. An empty one never comes. Text that is no
 * schedule is none of these.
 */
export function isRareSchedule(schedule: string): boolean {
  const text = schedule.trim();
  if (text === "" || words.includes(text.toLowerCase())) return true;
  const fields = text.replace(/^(CRON_)?TZ=\S+\s+/, "").split(/\s+/);
  const [, , day = "", month = "", weekday = ""] = fields;
  return fields.length === 5 && isSingle(day) && isSingle(month) && ["*", "?"].includes(weekday);
}

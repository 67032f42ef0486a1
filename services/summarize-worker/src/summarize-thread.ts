import { threadEntry } from '@warren/threads';
import { workSummarizeJob } from './summarize-job.js';

export default threadEntry(workSummarizeJob);

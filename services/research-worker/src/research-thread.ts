import { threadEntry } from '@warren/threads';
import { workResearchJob } from './research-job.js';

export default threadEntry(workResearchJob);

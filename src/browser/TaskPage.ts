import type { Page } from 'playwright-core';

/** The icons that the page draws for the states of steps, known by how their outlines begin. It shows states by nothing else. */
const STATES: Record<string, string> = {
  'M12 2C6.47 ': 'open',
  'M16.59 7.58': 'completed',
  'M11 15h2v2h': 'failed',
  'M7 11v2h10v': 'skipped',
};

/** What a person does on the scaffolder's page of a task, and sees there. */
export class TaskPage {
  private constructor(private readonly page: Page) {}

  /** Starts a task: from the list of templates, through the form, to the task's page with its log shown. */
  static async create(
    page: Page,
    options: { template: string; name: string; seconds: number },
  ): Promise<TaskPage> {
    await page
      .locator('.MuiCard-root', { hasText: options.template })
      .getByRole('button', { name: 'Choose' })
      .click();
    await page.getByLabel('Name').fill(options.name);
    await page.getByLabel('How many seconds').fill(String(options.seconds));
    await page.getByRole('button', { name: 'Review' }).click();
    await page.getByRole('button', { name: 'Create' }).click();
    await page.getByRole('button', { name: 'Show Logs' }).click();
    return new TaskPage(page);
  }

  /** The state of each step, by its name. */
  async steps(): Promise<Record<string, string>> {
    const steps = await this.page
      .getByTestId('step-label')
      .evaluateAll(labels =>
        labels.map(label => ({
          name: (label as HTMLElement).innerText.split('\n')[0],
          isRunning: label.querySelector('[role=progressbar]') !== null,
          icon: label.querySelector('path')?.getAttribute('d') ?? '',
        })),
      );
    return Object.fromEntries(
      steps.map(({ name, isRunning, icon }) => [
        name,
        isRunning ? 'running' : (STATES[icon.slice(0, 11)] ?? `icon ${icon}`),
      ]),
    );
  }

  /** The errors above the steps. */
  async alerts(): Promise<string[]> {
    return this.page.getByRole('alert').allInnerTexts();
  }

  /** The lines of the log, without their times, and without what the actions themselves log. */
  async log(): Promise<string[]> {
    // Only the lines in view are part of the document, so the log is scrolled through.
    const lines = await this.page.evaluate(async () => {
      const found: string[] = [];
      let list = document.querySelector('a[href^="#line-"]')?.parentElement;
      while (list && getComputedStyle(list).overflowY !== 'auto') {
        list = list.parentElement;
      }
      for (let top = 0; list && top < list.scrollHeight;) {
        list.scrollTop = top;
        for (const _ of [1, 2]) {
          await new Promise(resolve => requestAnimationFrame(resolve));
        }
        for (const number of list.querySelectorAll('a[href^="#line-"]')) {
          found[Number(number.textContent)] =
            number.nextElementSibling!.textContent!;
        }
        top += list.clientHeight;
      }
      return found;
    });
    return lines
      .filter(Boolean)
      .map(line => line.replace(/^\S+Z /, ''))
      .filter(line => !line.startsWith('info: '));
  }

  /** The text that the template gives out at its end, by its title. */
  async output(title: string): Promise<string> {
    const box = this.page.getByTestId('text-output-box');
    await box.getByRole('heading', { name: title }).waitFor();
    return (await box.innerText()).replace(title, '').trim();
  }
}

// SPDX-License-Identifier: Apache-2.0
// Looks at a page in headless Chromium and prints what it found as one line of JSON.
//
//	node page.mjs PLAYWRIGHT CHROMIUM ORDERS
//
// ORDERS is JSON: [{ url, width, scheme, media, script, selectors, open, act, shot }, ...]; test_page.py
// says what each means and judges the answers.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [, , library, executablePath, file] = process.argv;
const { chromium } = createRequire(import.meta.url)(library);
const orders = JSON.parse(readFileSync(file, 'utf8'));

// Runs in the page: contrast of every visible text with what is behind it (WCAG 2.1, 1.4.3).
function contrasts() {
	const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
	const luminance = (c) => {
		const f = c.slice(0, 3).map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2];
	};
	const ground = (element) => {
		for (let e = element; e; e = e.parentElement) {
			const c = parse(getComputedStyle(e).backgroundColor);
			if (c.length >= 3 && (c.length < 4 || c[3] === 1)) return c;
		}
		return [255, 255, 255];
	};
	const low = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const text = walker.currentNode.nodeValue.trim();
		const e = walker.currentNode.parentElement;
		if (!text || !e.checkVisibility() || /^(SCRIPT|STYLE|title|desc)$/.test(e.tagName)) continue;
		const style = getComputedStyle(e);
		const a = luminance(parse(e.namespaceURI.endsWith('svg') ? style.fill : style.color));
		const b = luminance(ground(e));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (ratio < 4.5) low.push(`${ratio.toFixed(2)} ${e.tagName}.${e.className.baseVal ?? e.className}: ${text.slice(0, 30)}`);
	}
	return low;
}

// What is asked for is visible when it has a size and is not hidden.
function visible(selectors) {
	return Object.fromEntries(selectors.map((selector) => [selector,
		[...document.querySelectorAll(selector)].filter((e) => {
			const box = e.getBoundingClientRect();
			return e.checkVisibility() && box.width > 0 && box.height > 0;
		}).length]));
}

// The smallest text in a drawing, in pixels of the screen.
function smallest_text() {
	let least = Infinity;
	for (const text of document.querySelectorAll('svg text')) {
		if (!text.checkVisibility()) continue;
		const svg = text.ownerSVGElement.closest('.plot svg') || text.ownerSVGElement;
		const outer = text.closest('.plot').querySelector('svg');
		const scale = outer.getBoundingClientRect().width / outer.viewBox.baseVal.width;
		least = Math.min(least, Number(text.getAttribute('font-size')) * scale);
	}
	return Number.isFinite(least) ? least : null;
}

const acts = {
	// Moves over a graph and reads what is shown.
	async hover(page) {
		const plot = page.locator('#graphs .plot:visible').nth(1);
		await plot.scrollIntoViewIfNeeded();
		const box = await plot.boundingBox();
		await page.mouse.move(box.x + box.width * 0.45, box.y + box.height * 0.6);
		const text = await page.locator('.reading:visible').innerText();
		const cursors = await page.locator('.cursor:visible').count();
		await page.mouse.move(5, 5);
		return { text, cursors, after: await page.locator('.reading:visible').count() };
	},
	// Opens a fold, searches, scrolls, and waits until the page has renewed itself.
	async renew(page) {
		await page.locator('#environment summary').click();
		await page.evaluate(() => scrollTo(0, 700));
		await page.evaluate(() => { window.is_old = true; });
		await page.waitForFunction(() => !window.is_old && document.readyState === 'complete', null, { timeout: 20000 });
		return page.evaluate(() => ({ y: scrollY, open: document.getElementById('environment').open }));
	},
	async search_lines(page) {
		await page.locator('#search').fill('No space left');
		const found = await page.locator('#lines tbody tr:visible').count();
		await page.locator('#search').fill('');
		await page.locator('#levels').click();
		return { found, marked: await page.locator('#lines tbody tr:visible').count() };
	},
	async use_index(page) {
		const rows = () => page.locator('#jobs tbody tr:visible').count();
		const first = (column) => page.locator(`#jobs tbody tr:visible td:nth-child(${column})`).first().innerText();
		const all = await rows();
		await page.locator('#search').fill('bstudent');
		const one_user = await rows();
		await page.locator('#search').fill('');
		await page.locator('button[data-state=failed]').click();
		const failed = await rows();
		await page.locator('button[data-state=""]').click();
		await page.locator('th button', { hasText: 'Wall time' }).click();
		const longest = await first(6);
		await page.locator('th button', { hasText: 'Wall time' }).click();
		const shortest = await first(6);
		return { all, one_user, failed, longest, shortest };
	},
	// Makes a frame as wide as the picture, finds frames, and goes back.
	async flame(page) {
		const frames = page.locator('.flame .plot:visible g[data-w]:visible');
		const before = await frames.count();
		const frame = page.locator('.flame .plot:visible g[data-n^="fit::Kalman::filter"]');
		await frame.scrollIntoViewIfNeeded();
		await frame.click();
		const zoomed = await frames.count();
		const width = await frame.evaluate((g) => g.querySelector('path').getBoundingClientRect().width /
			g.closest('.plot').getBoundingClientRect().width);
		await page.locator('#flame-search').fill('kalman');
		const found = await page.evaluate(() => [...document.querySelectorAll('.flame .plot')]
			.filter((plot) => plot.checkVisibility())
			.flatMap((plot) => [...plot.querySelectorAll('g[data-w]')])
			.filter((g) => g.style.opacity === '').length);
		await page.locator('#flame-reset').click();
		return { before, zoomed, width, found, after: await frames.count() };
	},
	async flame_file(page) {
		const frames = page.locator('g[data-w]:visible');
		const before = await frames.count();
		const controls = await page.locator('text[role=button]').allTextContents();
		await page.locator('g[data-n^="fit::Fit::run"]').first().click();
		const zoomed = await frames.count();
		await page.locator('text[role=button]').last().click();
		return { before, controls, zoomed, after: await frames.count() };
	},
	async no_script_refresh(page) {
		await page.waitForEvent('framenavigated', { timeout: 20000 });
		return true;
	},
};

async function look(browser, order) {
	const context = await browser.newContext({
		viewport: { width: order.width ?? 1280, height: 844 },
		colorScheme: order.scheme ?? 'light',
		javaScriptEnabled: order.script ?? true,
	});
	const page = await context.newPage();
	const found = { console: [], errors: [], requests: [], dialogs: [] };
	page.on('console', (m) => { if (m.type() !== 'log') found.console.push(m.text()); });
	page.on('pageerror', (e) => found.errors.push(e.message));
	page.on('dialog', (d) => { found.dialogs.push(d.message()); d.dismiss(); });
	page.on('request', (r) => { if (!r.url().startsWith('data:')) found.requests.push(r.url()); });
	await page.goto(order.url);
	if (order.open) await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
	if (order.media) await page.emulateMedia({ media: order.media, colorScheme: order.scheme ?? 'light' });
	found.overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	// Boxes that scroll by themselves are for what cannot be made narrower.
	found.scrolled = await page.evaluate(() => [...document.querySelectorAll('.scroll')]
		.filter((e) => e.scrollWidth > e.clientWidth + 1)
		.map((e) => `${(e.closest('[id]') ?? e).id} by ${e.scrollWidth - e.clientWidth}`));
	found.visible = await page.evaluate(visible, order.selectors ?? []);
	if (await page.evaluate(() => document.body !== null)) { // no SVG
		found.low_contrast = await page.evaluate(contrasts);
		found.smallest_text = await page.evaluate(smallest_text);
	}
	found.title = await page.title();
	if (order.shot) await page.screenshot({ path: order.shot, fullPage: true });
	if (order.act) found.act = await acts[order.act](page);
	await context.close();
	return found;
}

const browser = await chromium.launch({ executablePath, args: ['--disable-dev-shm-usage'] });
try {
	const answers = [];
	for (const order of orders) answers.push(await look(browser, order));
	process.stdout.write(JSON.stringify(answers) + '\n');
} finally {
	await browser.close();
}

import NetworkTypes

/// The virtual clock and what happens when: events of one instant happen in the order in which they were scheduled.
final class EventQueue {
    private struct Event {
        let time: Instant
        let number: UInt64
        let action: () -> Void

        static func < (a: Event, b: Event) -> Bool { a.time == b.time ? a.number < b.number : a.time < b.time }
    }

    private(set) var now = Instant(nanoseconds: 1_000_000_000)
    private var heap: [Event] = []
    private var count: UInt64 = 0

    /// When the next event is due.
    var next: Instant? { heap.first?.time }

    func after(_ delay: Duration, _ action: @escaping () -> Void) { at(now + delay, action) }

    func at(_ time: Instant, _ action: @escaping () -> Void) {
        count += 1
        heap.append(Event(time: max(time, now), number: count, action: action))
        var index = heap.count - 1
        while index > 0, heap[index] < heap[(index - 1) / 2] {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    /// The time passes without an event.
    func move(to time: Instant) { now = max(now, time) }

    /// What has not happened yet never will.
    func abandon() { heap = [] }

    /// Runs the earliest event.
    func step() {
        guard let event = pop() else { return }
        now = max(now, event.time)
        event.action()
    }

    private func pop() -> Event? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var index = 0
        while true {
            var child = 2 * index + 1
            if child >= heap.count { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            if !(heap[child] < heap[index]) { break }
            heap.swapAt(index, child)
            index = child
        }
        return first
    }
}

/// Deadlines of many objects in order: a binary heap with lazy removal.
///
/// Nothing is removed when an object changes its mind: the owner keeps the deadline that counts in the object, and when
/// an entry comes up, ignores it or schedules again. Most SIP timers never fire, so a removal per cancelled timer would
/// cost more than the stale entries do.
///
/// It is inlinable so that each module has it for its own elements: entries are moved with every message.
public struct DeadlineQueue<Element> {
    @usableFromInline struct Entry {
        @usableFromInline let deadline: Instant
        @usableFromInline let element: Element

        @inlinable init(deadline: Instant, element: Element) {
            (self.deadline, self.element) = (deadline, element)
        }
    }

    @usableFromInline var heap: [Entry] = []

    @inlinable public init() {}

    @inlinable public var isEmpty: Bool { heap.isEmpty }
    @inlinable public var count: Int { heap.count }

    /// The earliest deadline in the queue.
    @inlinable public var next: Instant? { heap.first?.deadline }

    /// Adds an entry: O(log n).
    @inlinable public mutating func schedule(_ element: Element, at deadline: Instant) {
        heap.append(Entry(deadline: deadline, element: element))
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            if heap[parent].deadline <= heap[index].deadline { break }
            heap.swapAt(parent, index)
            index = parent
        }
    }

    /// Gives back the memory of a time when there were many more entries.
    @inlinable public mutating func shrink() { heap = heap.map { $0 } }

    /// Takes the earliest entry if its deadline has come: O(log n).
    @inlinable public mutating func popDue(at now: Instant) -> Element? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return first.element }
        var index = 0
        while true {
            var child = 2 * index + 1
            if child >= heap.count { break }
            if child + 1 < heap.count, heap[child + 1].deadline < heap[child].deadline { child += 1 }
            if last.deadline <= heap[child].deadline { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = last
        return first.element
    }
}

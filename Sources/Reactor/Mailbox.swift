/// The way into a loop from other threads: many may send, one loop receives, each sender's messages in order.
///
/// The loop is woken only by the message that finds the mailbox empty, so a burst costs one system call, and the
/// receiver takes everything that has come in one swap under the lock.
public final class Mailbox<Message: Sendable>: Sendable {
    private struct State: Sendable {
        var messages: [Message] = []
        var hasReceiver = false
    }

    private let state = Guarded(State())
    private let wakeUp: WakeUp

    public init() throws(SystemError) { wakeUp = try WakeUp(.polled) }

    /// Leaves a message, from any thread; false when `limit` messages wait already and this one is lost.
    ///
    /// The limit is for what strangers can cause; what must not be lost goes without.
    @discardableResult
    public func send(_ message: Message, unlessWaiting limit: Int = .max) -> Bool {
        let (isFirst, isTaken) = state.withLock { state in
            guard state.messages.count < limit else { return (false, false) }
            state.messages.append(message)
            return (state.messages.count == 1, true)
        }
        if isFirst { wakeUp.signal() }
        return isTaken
    }

    /// Messages that wait to be received.
    public var count: Int { state.withLock { $0.messages.count } }

    /// Calls `handler` on the loop with all messages that have come, for as long as the receiver is kept.
    /// A mailbox has one receiver at a time; messages sent before it are kept for it.
    public func receive(on loop: EventLoop, handler: @escaping ([Message]) -> Void) throws(SystemError) -> Receiver {
        try Receiver(self, loop, handler)
    }

    /// The reading end, owned by the loop's thread.
    public final class Receiver {
        private let mailbox: Mailbox
        private let handler: ([Message]) -> Void
        private let event: Event
        private var batch: [Message] = []

        fileprivate init(
            _ mailbox: Mailbox, _ loop: EventLoop, _ handler: @escaping ([Message]) -> Void
        ) throws(SystemError) {
            self.mailbox = mailbox
            self.handler = handler
            event = Event(on: loop, .readable, number: mailbox.wakeUp.descriptor)
            event.handler = { [unowned self] in takeAll() }
            mailbox.setReceiver(true)
            try event.start()
        }

        deinit {
            event.stop()
            mailbox.setReceiver(false)
        }

        /// The descriptor is emptied before the swap: a message that comes between the two is taken now and wakes the
        /// loop once more for nothing, which is harmless; the other way round it could be left lying.
        private func takeAll() {
            mailbox.wakeUp.wait()
            mailbox.state.withLock { swap(&$0.messages, &batch) }
            if batch.isEmpty { return }
            handler(batch)
            let isOrdinary = batch.count <= 256
            batch.removeAll(keepingCapacity: isOrdinary)
        }
    }

    private func setReceiver(_ isPresent: Bool) {
        state.withLock { state in
            precondition(!(isPresent && state.hasReceiver), "a mailbox has one receiver")
            state.hasReceiver = isPresent
            if isPresent, !state.messages.isEmpty { wakeUp.signal() }
        }
    }
}
